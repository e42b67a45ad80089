#!/bin/sh
# Slurm's Epilog, which runs as root. After the user's last job on this node, it stops the resident,
# which then pushes the last counts.
squeue --noheader --nodelist="$SLURMD_NODENAME" --user="$SLURM_JOB_UID" --states=RUNNING |
    grep -q . || systemctl stop "dataclay-metrics@$SLURM_JOB_UID"
