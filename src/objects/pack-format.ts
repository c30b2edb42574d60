/**
 * What a pack is made of. A pack is a tar.gz, a sequence of gzip members (RFC 1952), or a tar.zst, a sequence of zstd frames
 * (RFC 8878); its file's name says which. Each member holds whole tar entries and can be inflated alone. The trailer, a last
 * member, holds tar's end mark.
 */
/** What a pack's members can be; all members of one pack are the same. */
export const packCodecs = ["gzip", "zstd"] as const;
export type PackCodec = (typeof packCodecs)[number];

/** A writer gathers small objects until a member has about this many bytes before compression. */
export const memberTargetBytes = 512 << 10;
/** No member inflates to more than this: the largest object with its header, or a gathered member and one more object. */
export const maxMemberBytes = 9 << 20;
/** No member is longer than this in a pack, where it may have been stored without compression. */
export const maxPackedMemberBytes = maxMemberBytes + (64 << 10);
/** A writer ends a pack at about this many bytes, or this many objects. */
export const packTargetBytes = 64 << 20;
export const packTargetObjects = 1 << 16;
/** A store refuses a pack beyond these. */
export const maxPackBytes = 128 << 20;
export const maxPackObjects = 1 << 18;

/** A tar header, and what every entry's content is padded to. */
export const tarBlockBytes = 512;

/** The end of every pack: one member with the 1,024 zero bytes that tar's end mark is, in this one form. */
export const packTrailers: Readonly<Record<PackCodec, Buffer>> = {
  gzip: Buffer.from("1f8b080000000000020363601805a360148c5400002eafb5ef00040000", "hex"),
  // content's size and checksum, then one block: 1,024 times the byte 0
  zstd: Buffer.from("28b52ffd64000303200000cdac85f0", "hex"),
};
