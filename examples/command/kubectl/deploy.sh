#!/bin/sh
# deploy.sh CONTEXT NAME IMAGE: applies NAME.yaml with this image, and waits until it is rolled out. The same again changes nothing.
set -eu
echo "::progress 10 applying"
sed -e "s|{IMAGE}|$3|" -e "s|{JOB}|$SLIPWAY_JOB|" "$2.yaml" | kubectl --context "$1" apply -f -
echo "::progress 40 rolling out"
kubectl --context "$1" rollout status "deployment/$2" --timeout=10m
