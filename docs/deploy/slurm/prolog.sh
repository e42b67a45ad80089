#!/bin/sh
# Slurm's Prolog, which runs as root on each node of a job. It starts the resident of the user.
systemctl start "dataclay-metrics@$SLURM_JOB_UID"
