#!/bin/sh
# Slurm's Epilog, as root: stops the resident after the last job of the user on this node. It pushes
# the last counts then.
squeue --noheader --nodelist="$SLURMD_NODENAME" --user="$SLURM_JOB_UID" --states=RUNNING |
    grep -q . || systemctl stop "dataclay-metrics@$SLURM_JOB_UID"
