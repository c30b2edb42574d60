/** A client beside a store in this process: real pushes and real restores, as short as a test of many stores needs them. */
import { push } from "../../src/client/push.js";
import { readCommit } from "../../src/client/history.js";
import type { PushResult } from "../../src/client/push-options.js";
import { Remote } from "../../src/client/remote.js";
import { restore } from "../../src/client/restore.js";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import type { ProjectId } from "../../src/objects/project-id.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { serveSession, type SessionOptions } from "../../src/server/session.js";
import type { Store } from "../../src/store/store.js";
import { noProgress } from "../../src/client/push-options.js";
import { quietPush } from "./quiet-push.js";

/** Says hello to the store about a project. */
function connect(
  store: Store,
  project: ProjectId,
  { session, ...hello }: { have?: ObjectId | undefined; wantTrees: boolean; session?: Partial<SessionOptions> },
) {
  const { client, server } = openMemoryChannel({ client: "the client", server: "the store" });
  serveSession(server, store, { agent: "store/1", ...session }).catch(() => undefined); // the client is told
  return Remote.open(client, { project, agent: "test/1", have: hello.have, wantTrees: hello.wantTrees });
}

/** Pushes a folder; the client's index is kept in `indexFile`. */
export function pushTo(
  store: Store,
  project: ProjectId,
  { folder, indexFile }: { folder: string; indexFile: string },
  session: Partial<SessionOptions> = {},
): Promise<PushResult> {
  return push({
    connect: (hello) => connect(store, project, { ...hello, session }),
    folder: byteStringFromText(folder),
    indexFile,
    ...quietPush,
    onEvent: () => undefined,
    progress: noProgress(),
  });
}

/** Restores a whole commit into a folder; throws if any of it did not come. */
export async function restoreFrom(
  store: Store,
  project: ProjectId,
  { commit, target }: { commit: ObjectId; target: string },
  session: Partial<SessionOptions> = {},
): Promise<void> {
  const remote = await connect(store, project, { wantTrees: false, session });
  try {
    const failed: string[] = [];
    const content = await readCommit(remote, commit);
    await restore(
      remote,
      { id: commit, content },
      {
        target: byteStringFromText(target),
        paths: [],
        threads: 0,
        capacity: { pieces: 1000, folders: 1000, nameBytes: 1 << 20 }, // room for a million costs more than what they restore
        progress: { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 },
        onEvent: (event) => void (event.type === "replaced" || failed.push(JSON.stringify(event))),
      },
    );
    if (failed.length > 0) throw new Error(failed.join(", "));
  } finally {
    await remote.close();
  }
}
