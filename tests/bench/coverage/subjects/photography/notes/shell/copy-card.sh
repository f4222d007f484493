#!/bin/bash
# copy today's pictures from the reader to the picture disk
src=/media/$USER/SDCARD/DCIM
dst=$HOME/Pictures/inbox/$(date +%Y-%m-%d)
mkdir -p "$dst"
rsync -av --ignore-existing "$src/" "$dst/"
# compare by checksum, prints only files that differ
rsync -acn --out-format='%n' "$src/" "$dst/"
# second copy, the drive in the cupboard
rsync -av "$dst" /mnt/cupboard/pictures/
