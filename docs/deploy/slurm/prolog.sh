#!/bin/sh
# Slurm's Prolog, as root on each node of a job: starts the resident of the job's user.
systemctl start "dataclay-metrics@$SLURM_JOB_UID"
