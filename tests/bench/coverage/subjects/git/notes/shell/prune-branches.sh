#!/bin/sh
# throw away all local branches that are already merged in main
git switch main && git pull
git branch --merged main | grep -v -E '^\*|main' | xargs -r git branch -d
