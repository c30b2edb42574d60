#!/usr/bin/env bash
# Makes a folder with every kind of name and metadata that a Linux disk can hold. What only root makes is made by root.
# usage: make-metadata-folder.sh FOLDER
set -euo pipefail
umask 022
mkdir "$1"
cd "$1"
is_root() { [ "$(id -u)" -eq 0 ]; }

# modes, with setuid, setgid and sticky, of files and folders
mkdir modes
for mode in 0644 0400 0755 0777 4755 2755 6711 1644 7777; do
  echo "$mode" >"modes/file-$mode"
  chmod "$mode" "modes/file-$mode"
done
is_root && echo secret >modes/file-0000 && chmod 0 modes/file-0000
for mode in 0755 0700 0555 1777 2775 3770; do
  mkdir "modes/folder-$mode"
  echo inside >"modes/folder-$mode/inside"
  chmod "$mode" "modes/folder-$mode"
done

# nothing in them
: >empty-file
mkdir empty-folder

# links that dangle, loop, or point outside
mkdir links
ln -s nowhere links/dangling
ln -s loop-b links/loop-a
ln -s loop-a links/loop-b
ln -s /etc/passwd links/outside
ln -s ../../../.. links/up
ln -s . links/itself
ln -s "$(printf 't%.0s' {1..4000})" links/long
ln -s "$(printf 'new\nline')" links/odd-target

# names of one file
mkdir -p hard/below
echo linked >hard/a
ln hard/a hard/b
ln hard/a hard/below/c
head -c 3000000 /dev/zero | tr '\0' 'x' >hard/large
ln hard/large hard/below/large
ln -s target hard/symlink
ln hard/symlink hard/symlink2
mkfifo hard/fifo
ln hard/fifo hard/fifo2
for count in $(seq 200); do ln hard/a "hard/many-$count"; done

# special files
mkdir special
mkfifo special/fifo
chmod 0640 special/fifo
python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind("special/socket")'
if is_root; then
  mknod special/null c 1 3 2>/dev/null || true
  mknod special/disk b 259 65537 2>/dev/null || true
  [ -e special/disk ] && chmod 0660 special/disk && chown 0:6 special/disk
fi

# sparse files: a hole at the beginning, in the middle, at the end, nothing else, and scattered small ones
mkdir sparse
truncate -s 1M sparse/all-hole
truncate -s 30M sparse/large-hole
{ head -c 5000 /dev/zero | tr '\0' 'a'; } | dd of=sparse/end bs=5000 seek=20 status=none
echo begin >sparse/begin && truncate -s 70000 sparse/begin
for at in 0 3 4 9 200 900 1500; do head -c 4096 /dev/urandom | dd of=sparse/scattered bs=4096 seek="$at" conv=notrunc status=none; done
for at in 1 7 50; do head -c 1000000 /dev/urandom | dd of=sparse/large bs=1M seek="$at" conv=notrunc status=none; done
truncate -s 60000001 sparse/large

# names
mkdir names
echo 1 >"names/$(printf 'new\nline')"
echo 2 >"names/$(printf 'tab\tand\033[31mred')"
echo 3 >"names/$(printf '\377\376 not UTF-8')"
echo 4 >"names/$(printf 'n%.0s' {1..255})"
echo 5 >"names/ leading and trailing "
echo 6 >'names/back\slash "quotes" $(date) *'
echo 7 >names/-rf
echo 8 >names/...
mkdir "names/$(printf '\351t\351')"
echo 9 >"names/$(printf '\351t\351')/file"

# extended attributes, ACLs, capabilities
mkdir attributes attributes/folder attributes/default
echo 1 >attributes/file
setfattr -n user.text -v 'some text' attributes/file
setfattr -n user.bytes -v 0x00ff0a00 attributes/file
setfattr -n user.empty attributes/file
setfattr -n user.long -v "$(printf 'v%.0s' {1..3000})" attributes/file
setfattr -n user.folder -v yes attributes/folder
echo 2 >attributes/read-only && setfattr -n user.x -v 1 attributes/read-only && chmod 0444 attributes/read-only
echo 3 >attributes/acl && setfacl -m u:1:rw,g:2:r,u:65534:- attributes/acl
setfacl -d -m u:1:rwx,g:2:rx attributes/default
setfacl -m u:2:rx attributes/default
echo 4 >attributes/default/inherits
mkdir attributes/default/inherits-too
echo 5 >attributes/default/plain && setfacl -b attributes/default/plain
mkdir attributes/default/plain-folder && setfacl -b -k attributes/default/plain-folder
echo 6 >attributes/default/plain-folder/file
head -c 3000000 /dev/urandom >attributes/large && setfattr -n user.large -v yes attributes/large
if is_root; then
  echo 7 >attributes/capable
  # cap_net_raw=ep, as setcap writes it
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 attributes/capable
  chmod 0755 attributes/capable
  setfattr -h -n trusted.link -v on-a-link links/dangling
  setfattr -n trusted.file -v 1 attributes/file
  setfattr -n trusted.fifo -v 1 special/fifo
fi
setfattr -n user.root -v yes .

# owners
if is_root; then
  mkdir owners
  echo 1 >owners/named && chown 1:2 owners/named
  echo 2 >owners/nameless && chown 3000000001:3000000002 owners/nameless
  echo 3 >owners/setuid && chown 1:2 owners/setuid && chmod 6755 owners/setuid
  ln -s x owners/link && chown -h 1:2 owners/link
  mkdir owners/folder && echo 4 >owners/folder/file && chown -R 33:33 owners/folder && chmod 2770 owners/folder
  mkfifo owners/fifo && chown 1:65534 owners/fifo
  head -c 3000000 /dev/urandom >owners/large && chown 1:2 owners/large && chmod 6755 owners/large
fi

# times, to the nanosecond, of everything; before 1970 too
find . -depth -mindepth 1 -exec touch -h -d '2021-03-04 05:06:07.123456789' {} +
touch -d '1969-12-31 23:59:58.000000001 UTC' empty-file
touch -d '2100-01-01 00:00:00.999999999 UTC' empty-folder
touch -h -d '2001-02-03 04:05:06.000000007' links/dangling
touch -d '2022-02-02 02:02:02.222222222' .
