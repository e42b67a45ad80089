#!/bin/sh
# Slurm's TaskProlog, which runs as the user. Its output sets variables of the tasks.
echo "export DATACLAY_METRICS=true"
echo "export DATACLAY_METRICS_INSTALL=true"
echo "export DATACLAY_METRICS_EXPORTER=none"
echo "export DATACLAY_METRICS_DIR=/dev/shm/dataclay-metrics-$(id -u)"
