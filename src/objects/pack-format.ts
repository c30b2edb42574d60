/**
 * What a pack is made of. A pack is a tar.gz: a sequence of gzip members (RFC 1952), each of which holds whole tar entries
 * and can be inflated alone, and the trailer, a last member that holds tar's end mark.
 */
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

/**
 * The end of every pack: the gzip member of 1,024 zero bytes that tar's end mark is, in this one form.
 */
export const packTrailer: Buffer = Buffer.from("1f8b080000000000020363601805a360148c5400002eafb5ef00040000", "hex");
