/** A store at the end of an uploader, that writes down what it hears and does what a test wants. */
import { createPushPool } from "../../src/client/push-work.js";
import type { PackReceipt, PackUpload, Remote } from "../../src/client/remote.js";
import { Uploader } from "../../src/client/upload.js";
import { inflateMember } from "../../src/objects/member-gzip.js";
import { decodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdAt, type ObjectId } from "../../src/objects/object-id.js";
import { packTargetBytes } from "../../src/objects/pack-format.js";
import { memberHeadroomBytes } from "../../src/protocol/message-codec.js";

/** A store that writes down what it hears; what it does can be replaced. */
export class Scribe implements Pick<Remote, "hasMany" | "upload"> {
  readonly asked: ObjectId[][] = [];
  readonly packs: Uint8Array[][] = [];
  readonly known = new Set<ObjectId>();
  unfinished = 0;
  mostUnfinished = 0;
  answer: () => Promise<void> = () => Promise.resolve();
  begin: () => Promise<void> = () => Promise.resolve();
  take: () => Promise<void> = () => Promise.resolve();
  /** Whether the bytes of a member lie where they are until `flush`, as in a socket that takes nothing. */
  isHeld = false;
  keep: () => Promise<void> = () => Promise.resolve();

  readonly #unsent: (() => void)[] = [];

  /** Takes what was held, as it now lies there. */
  flush(): void {
    for (const send of this.#unsent.splice(0)) send();
  }

  async hasMany(bytes: Uint8Array): Promise<(index: number) => boolean> {
    const ids = Array.from({ length: bytes.length / 32 }, (_, index) => objectIdAt(bytes, index * 32));
    this.asked.push(ids);
    await this.answer();
    return (index) => this.known.has(ids[index] as ObjectId);
  }

  async upload(): Promise<PackUpload> {
    await this.begin();
    const members: Uint8Array[] = [];
    this.packs.push(members);
    return {
      add: async (room, onSent) => {
        const index = members.push(room) - 1;
        this.#unsent.push(() => {
          members[index] = Buffer.from(room.subarray(memberHeadroomBytes));
          onSent();
        });
        await this.take();
        if (!this.isHeld) this.flush();
      },
      finish: async (): Promise<PackReceipt> => {
        this.unfinished += 1;
        this.mostUnfinished = Math.max(this.mostUnfinished, this.unfinished);
        await this.keep();
        this.unfinished -= 1;
        return { pack: "ab".repeat(32) as ObjectId, objects: members.length, bytes: 1 };
      },
    };
  }
}

/** An uploader that packs on this thread. */
export function uploaderTo(
  remote: Pick<Remote, "hasMany" | "upload">,
  options: Partial<ConstructorParameters<typeof Uploader>[1]> = {},
): Uploader {
  return new Uploader(remote, {
    pool: createPushPool(0),
    compression: Promise.resolve({ codec: "gzip", level: undefined }),
    packBytes: packTargetBytes,
    ...options,
  });
}

/** What the members of all packs hold: kind and id, member by member. */
export async function sentBy(scribe: Scribe): Promise<{ kind: string; id: ObjectId }[][]> {
  const members = scribe.packs.flat();
  return Promise.all(members.map(async (each) => decodeMemberTar(await inflateMember(each))));
}

/** A promise to be resolved by hand. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
