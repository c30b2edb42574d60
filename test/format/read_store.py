#!/usr/bin/python3
"""Reads a store, from docs/format.md alone: bak's own code is not needed to get a backup back.

    read_store.py restore STORE PROJECT TARGET     the head's files, folders, symlinks, modes and mtimes
    read_store.py compare STORE                    every object, found through the indexes, is what tar finds
    read_store.py rewrite STORE PROJECT            the head's trees and lists, made again by the rules for writers,
                                                   have the ids that they have in the store

Needs Python 3.9, msgpack (Debian: python3-msgpack) and b3sum; for zstd packs also zstandard (python3-zstandard) or the
program zstd. `restore` reads packs as the tar.gz or tar.zst that they are, and no index.
"""

import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib

import msgpack

try:
    import zstandard
except ImportError:
    zstandard = None

ID_BYTES = 32
TRAILERS = {
    ".tar.gz": bytes.fromhex("1f8b080000000000020363601805a360148c5400002eafb5ef00040000"),
    ".tar.zst": bytes.fromhex("28b52ffd64000303200000cdac85f0"),
}
KINDS = ["blob", "list", "tree", "commit"]
FILE, DIR, SYMLINK = 0, 1, 2


class Damaged(Exception):
    """The store is not what docs/format.md says."""


def need(condition, why):
    if not condition:
        raise Damaged(why)


def b3sums(contents):
    """The BLAKE3 of each of some byte strings, by as few runs of b3sum as possible."""
    with tempfile.TemporaryDirectory(prefix="bak-") as folder:
        paths = [os.path.join(folder, str(number)) for number in range(len(contents))]
        for path, content in zip(paths, contents):
            with open(path, "wb") as file:
                file.write(content)
        found = []
        for start in range(0, len(paths), 1000):
            command = ["b3sum", "--no-names", *paths[start : start + 1000]]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found += [bytes.fromhex(line) for line in output.split()]
        return found


def pack_paths(store):
    for folder in sorted(os.listdir(f"{store}/packs")):
        for name in sorted(os.listdir(f"{store}/packs/{folder}")):
            if name.endswith(tuple(TRAILERS)):
                need(re.fullmatch(r"[0-9a-f]{64}\.tar\.(gz|zst)", name) and name.startswith(folder), f"pack {name}")
                yield f"{store}/packs/{folder}/{name}"


def check_store(store):
    with open(f"{store}/config.json", encoding="utf-8") as file:
        text = file.read()
    version = json.loads(text)["version"]
    check = re.search(r',\n  "check": "([0-9a-f]{8})"(?=\n\}\n$)', text)
    unchecked = check and text[: check.start()] + text[check.end() :]
    need(check is None or int(check[1], 16) == zlib.crc32(unchecked.encode()), "the check of config.json")
    need(version in (1, 2), f"store of version {version}")
    need(version == 2 or all(path.endswith(".tar.gz") for path in pack_paths(store)), "a zstd pack in a store of version 1")


def inflate(packed, suffix):
    """What one member, or a whole pack, inflates to."""
    if suffix == ".tar.gz":
        return gzip.decompress(packed)
    if zstandard is not None:
        return zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read()
    return subprocess.run(["zstd", "-dcq"], input=packed, check=True, stdout=subprocess.PIPE).stdout


def suffix_of(path):
    return path[path.index(".tar.", len(path) - len(".tar.zst")) :]


def objects_by_tar(path):
    """(id, kind, bytes) of every object of a pack, as any tar reads it."""
    with open(path, "rb") as file:
        content = inflate(file.read(), suffix_of(path))
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        for entry in tar:
            match = re.fullmatch(r"(blob|list|tree|commit)/([0-9a-f]{64})", entry.name)
            need(match and entry.isfile(), f"{path}: entry {entry.name}")
            yield bytes.fromhex(match[2]), match[1], tar.extractfile(entry).read()


class Objects:
    """Every object of a store by its id, whatever kind it was packed as; each has been hashed."""

    def __init__(self, store):
        self.by_id = {}
        for path in pack_paths(store):
            for object_id, _, content in objects_by_tar(path):
                self.by_id[object_id] = content
        for object_id, found in zip(self.by_id, b3sums(list(self.by_id.values()))):
            need(object_id == found, f"object {object_id.hex()} has the hash {found.hex()}")

    def blob(self, object_id):
        need(object_id in self.by_id, f"object {object_id.hex()} is missing")
        return self.by_id[object_id]

    def value(self, object_id):
        """What a list, tree or commit holds; refuses any encoding but the canonical one."""
        content = self.blob(object_id)
        value = msgpack.unpackb(content, strict_map_key=False)
        need(msgpack.packb(value) == content, f"object {object_id.hex()} is not canonical")
        return value


def read_head(objects, store, project):
    with open(f"{store}/projects/{project}/log", encoding="ascii") as file:
        log = file.read()
    lines = log[: log.rfind("\n") + 1].splitlines()
    need(lines, f"project {project} has no commit")
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]{64} \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)(?: ([0-9a-f]{8}))?", line)
        need(match, f"log line {line}")
        need(match[2] is None or int(match[2], 16) == zlib.crc32(match[1].encode()), f"the check of log line {line}")
    parent = None
    for line in lines:
        commit = objects.value(bytes.fromhex(line.split()[0]))
        need(len(commit) == 17 and commit[0] == 1, "commit of another version")
        need(commit[4] == project and commit[3] == parent, "commit of another project or parent")
        parent = bytes.fromhex(line.split()[0])
    return commit


def read_entries(objects, tree_id):
    """The entries of a directory, whether it is one tree or many pages."""
    entries = list(read_pages(objects, objects.value(tree_id)))
    names = [entry[0] for entry in entries]
    need(names == sorted(set(names)), "names out of order, or twice")
    return entries


def read_pages(objects, tree):
    version, level, elements = tree
    need(version == 1 and 0 <= level <= 8, "tree of another version")
    if level == 0:
        yield from elements
        return
    for first_name, page_id in elements:
        page = objects.value(page_id)
        need(page[1] == level - 1 and page[2][0][0] == first_name, "page of another directory")
        yield from read_pages(objects, page)


def read_content(objects, content, size):
    """The bytes of a file."""
    if isinstance(content, bytes):
        whole = objects.blob(content)
    else:
        list_id, file_hash = content
        whole = b"".join(read_list(objects, list_id, None))
        need(b3sums([whole]) == [file_hash], "a large file has another hash than its entry says")
    need(len(whole) == size, "a file has another size than its entry says")
    return whole


def read_list(objects, list_id, expected_level):
    version, level, children = objects.value(list_id)
    need(version == 1 and 1 <= len(children) <= 4096, "malformed list")
    need(expected_level in (None, level), "list of another level")
    for child_id, size in children:
        parts = [objects.blob(child_id)] if level == 0 else list(read_list(objects, child_id, level - 1))
        need(sum(map(len, parts)) == size, "a child has another size than its list says")
        yield from parts


def write_folder(objects, tree_id, path):
    for name, kind, mode, _, _, seconds, nanoseconds, size, content, *_ in read_entries(objects, tree_id):
        need(name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name, "unsafe name")
        at = os.path.join(path, name)
        if kind == DIR:
            os.mkdir(at, 0o700)
            write_folder(objects, content, at)
        elif kind == FILE:
            with open(at, "xb") as file:
                file.write(read_content(objects, content, size))
        elif kind == SYMLINK:
            os.symlink(content, at)
        else:
            print(f"left out {os.fsdecode(at)!r}: kind {kind}", file=sys.stderr)
            continue
        set_attributes(at, mode if kind != SYMLINK else None, seconds, nanoseconds)


def set_attributes(path, mode, seconds, nanoseconds):
    if mode is not None:
        os.chmod(path, mode)
    time = seconds * 10**9 + nanoseconds
    os.utime(path, ns=(time, time), follow_symlinks=False)


def restore(store, project, target):
    check_store(store)
    objects = Objects(store)
    commit = read_head(objects, store, project)
    mode, _, _, seconds, nanoseconds, _ = commit[2]
    os.makedirs(target)
    write_folder(objects, commit[1], os.fsencode(target))
    set_attributes(target, mode, seconds, nanoseconds)


def objects_by_index(path):
    """(id, kind, bytes) of every object of a pack, found as its index says."""
    pack_id = bytes.fromhex(os.path.basename(path)[:64])
    with open(path, "rb") as file:
        pack = file.read()
    suffix = suffix_of(path)
    with open(path[: -len(suffix)] + ".idx", "rb") as file:
        index = file.read()
    need(b3sums([pack, index[:-32]]) == [pack_id, index[-32:]], f"{path}: checksum of the pack or its index")
    magic, version, of_pack, length, member_count, record_count = struct.unpack_from(">6sH32sIII", index)
    need((magic, of_pack, length) == (b"bakidx", pack_id, len(pack)), f"{path}: header of the index")
    need(version in (1, 2), f"{path}: version of the index")
    need(pack.endswith(TRAILERS[suffix]), f"{path}: trailer")
    fan_out = struct.unpack_from(">256I", index, 52)
    records_at = 1076 + 12 * member_count
    owner = index[records_at + 44 * record_count : -32]
    need(bool(owner) == (version == 2) and len(owner) <= 128, f"{path}: length of the index")
    need(re.fullmatch(rb"[A-Za-z0-9._-]*", owner) is not None, f"{path}: owner of the pack")
    members = read_members(pack, suffix, [struct.unpack_from(">III", index, 1076 + 12 * m) for m in range(member_count)])
    ids = []
    for number in range(record_count):
        record = index[records_at + 44 * number :][:44]
        object_id, kind = record[:ID_BYTES], record[ID_BYTES]
        member = int.from_bytes(record[33:36], "big")
        offset, length = struct.unpack(">II", record[36:])
        ids.append(object_id)
        yield object_id, KINDS[kind], members[member][offset : offset + length]
    need(ids == sorted(set(ids)), f"{path}: order of the index")
    for byte in range(256):
        need(fan_out[byte] == sum(object_id[0] <= byte for object_id in ids), f"{path}: fan-out")


def read_members(pack, suffix, places):
    """Each member inflated alone; together with the trailer they are the whole pack."""
    end = 0
    members = []
    for offset, length, inflated in places:
        need(offset == end, "a gap between members")
        end = offset + length
        members.append(inflate(pack[offset:end], suffix))
        need(len(members[-1]) == inflated, "a member inflates to another length than the index says")
        tarfile.open(fileobj=io.BytesIO(members[-1] + bytes(1024))).close()
    need(pack[end:] == TRAILERS[suffix], "something between the members and the trailer")
    return members


def compare(store):
    check_store(store)
    count = 0
    for path in pack_paths(store):
        by_tar = {}
        for object_id, kind, content in objects_by_tar(path):
            by_tar.setdefault(object_id, (kind, content))
        by_index = {object_id: (kind, content) for object_id, kind, content in objects_by_index(path)}
        need(by_tar == by_index, f"{path}: the index finds other objects than tar")
        count += len(by_index)
    print(f"{count} objects")


MIN_CHUNK, NORMAL_CHUNK, MAX_CHUNK = 32768, 131072, 4194304
MASK_A, MASK_B = 0xffffe000, 0xfffe0000
WORD = 0xFFFFFFFF


class Writer:
    """The rules for writers: where a file is cut, where a list ends, where a page ends."""

    def __init__(self):
        texts = [f"bak gear {number}".encode() for number in range(256)]
        self.gear = [int.from_bytes(hashed[:4], "little") for hashed in b3sums(texts)]
        self.pages = self.lists = 0

    def first_chunk(self, data, start):
        length = min(len(data) - start, MAX_CHUNK)
        if length <= MIN_CHUNK:
            return length
        normal = min(NORMAL_CHUNK, length)
        gear, hashed = self.gear, 0
        for first, last, mask in ((MIN_CHUNK, normal, MASK_A), (normal, length, MASK_B)):
            for index in range(first, last):
                hashed = ((hashed << 1) + gear[data[start + index]]) & WORD
                if hashed & mask == 0:
                    return index + 1
        return length

    def file_content(self, data):
        if len(data) <= 1 << 20:
            return b3sums([data])[0]
        chunks, start = [], 0
        while start < len(data):
            length = self.first_chunk(data, start)
            chunks.append(data[start : start + length])
            start += length
        children = [[object_id, len(chunk)] for object_id, chunk in zip(b3sums(chunks), chunks)]
        return [self.list_id(children), b3sums([data])[0]]

    def list_id(self, children):
        def ends(child_ids):
            last = child_ids[-1][0]
            return len(child_ids) == 4096 or len(child_ids) >= 16 and last[31] == 0 and last[30] % 2 == 0

        level = 0
        while True:
            above = []
            for group in groups(children, ends):
                self.lists += 1
                object_id = b3sums([msgpack.packb([1, level, group])])[0]
                above.append([object_id, sum(size for _, size in group)])
            if len(above) == 1:
                return above[0][0]
            children, level = above, level + 1

    def tree_id(self, entries):
        encoded = [msgpack.packb(entry) for entry in entries]
        if len(entries) <= 1024 and sum(map(len, encoded)) <= 262144:
            return b3sums([msgpack.packb([1, 0, entries])])[0]
        # an element, its bytes, and the name of the last entry beneath it
        elements = [(entry, size, entry[0]) for entry, size in zip(entries, map(len, encoded))]
        level = 0
        while True:
            bits = min(7 * (level + 1), 32)
            above = []
            for page in groups(elements, lambda page: len(page) >= 16 and name_hash(page[-1][2]) % 2**bits == 0, 2 << 20):
                self.pages += 1
                page_id = b3sums([msgpack.packb([1, level, [element for element, _, _ in page]])])[0]
                element = [page[0][0][0], page_id]
                above.append((element, len(msgpack.packb(element)), page[-1][2]))
            if len(above) == 1:
                return above[0][0][1]
            elements, level = above, level + 1


def groups(elements, ends, max_bytes=None):
    """Elements in runs: each ends where `ends` says so, or before an element that would bring it beyond `max_bytes`."""
    group = []
    for element in elements:
        if group and max_bytes is not None and sum(each[1] for each in group) + element[1] > max_bytes:
            yield group
            group = []
        group.append(element)
        if ends(group):
            yield group
            group = []
    if group:
        yield group


def name_hash(name):
    hashed = 0x811C9DC5
    for byte in name:
        hashed = (hashed ^ byte) * 0x01000193 & WORD
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & WORD
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & WORD
    return hashed ^ hashed >> 16


def rewrite(store, project):
    check_store(store)
    objects = Objects(store)
    writer = Writer()
    rewrite_folder(objects, writer, read_head(objects, store, project)[1])
    print(f"{writer.pages} pages, {writer.lists} lists")


def rewrite_folder(objects, writer, tree_id):
    entries = read_entries(objects, tree_id)
    for name, kind, _, _, _, _, _, size, content, *_ in entries:
        if kind == DIR:
            rewrite_folder(objects, writer, content)
        elif kind == FILE and size > 1 << 20:
            need(writer.file_content(read_content(objects, content, size)) == content, f"{name!r} is cut in another way")
        elif kind == FILE:
            need(isinstance(content, bytes), f"{name!r} is small, but not one blob")
    need(writer.tree_id(entries) == tree_id, "a folder's pages end elsewhere")


def main(arguments):
    if len(arguments) == 4 and arguments[0] == "restore":
        restore(*arguments[1:])
    elif len(arguments) == 2 and arguments[0] == "compare":
        compare(arguments[1])
    elif len(arguments) == 3 and arguments[0] == "rewrite":
        rewrite(*arguments[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Damaged as error:
        sys.exit(f"damaged: {error}")
