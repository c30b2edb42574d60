/**
 * Checks a store: its files one by one, then what its commits reach. What is wrong with a pack is found first, so that the
 * commits are looked at with that in mind; with `repair`, after it has been put in order.
 */
import { stat } from "node:fs/promises";
import { BakError, errnoOf, isBakError } from "../errors.js";
import { objectIdBytes, type ObjectId } from "../objects/object-id.js";
import type { ObjectKind } from "../objects/object-kind.js";
import type { ProjectId } from "../objects/project-id.js";
import {
  examineBroken,
  indexOfPack,
  readPackIndex,
  recordsIn,
  repairPack,
  type BrokenPack,
  type RepairParts,
} from "./broken-pack.js";
import { CommitChecks, displayPath } from "./check-commits.js";
import { ifThere } from "./if-there.js";
import type { Ballast } from "./ballast.js";
import type { ConfigFile } from "./config-file.js";
import type { IncompleteHeads } from "./incomplete-heads.js";
import type { LeftOutPack } from "./load-packs.js";
import type { NumberedPack } from "./numbered-packs.js";
import { otherPlaces } from "./other-places.js";
import { firstPart, packAges } from "./pack-ages.js";
import { recordLength } from "./pack-index.js";
import { scanPack } from "./pack-scan.js";
import { rescueLines } from "./rescue-lines.js";
import type { AuditedProject, Projects } from "./projects.js";
import { RecordSet } from "./record-set.js";
import type { CheckOptions, CheckReport, Finding, Store } from "./store.js";
import type { Verified } from "./verified.js";
import { verifyPack } from "./verify-pack.js";
import { makeFolderDurably, writeFileWhole } from "./write-file.js";

/** What a check needs of its store. */
export interface CheckParts extends Omit<RepairParts, "signal"> {
  readonly store: Pick<Store, "readObject">;
  readonly projects: Projects;
  readonly verified: Verified;
  readonly heads: IncompleteHeads;
  readonly config: ConfigFile;
  readonly ballast: Ballast;
  /** Packs that were left out; those that are repaired go from it. */
  readonly leftOut: LeftOutPack[];
  /** Indexes that were damaged when the store was opened, and made again; emptied when they have been told of. */
  readonly remadeIndexes: string[];
}

/** Findings that are told one by one; beyond them there is only a count. */
const maxFindings = 10_000;

/** One check; `run` is called once. */
export class StoreCheck {
  readonly #parts: CheckParts;
  readonly #options: CheckOptions;
  readonly #report = { packsRead: 0, bytesRead: 0, commits: 0, faults: 0, repaired: 0, incompleteHeads: 0 };
  /** Records whose bytes are damaged. */
  readonly #damaged = new RecordSet();
  /** Packs that have damaged records, while they are still in the index. */
  readonly #damagedPacks = new Set<NumberedPack>();
  /** Packs that have been told of. */
  readonly #broken = new Set<ObjectId>();
  /** Whether there is a pack of which nobody can say what is in it. */
  #isIndexLost = false;
  #told = 0;
  #isPrepared = false;

  constructor(parts: CheckParts, options: CheckOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Rejects where the disk fails, or fills up, and when it is aborted. */
  async run(): Promise<CheckReport> {
    const { packs, verified, layout } = this.#parts;
    await verified.load();
    const all = packs.index.packs;
    try {
      await this.#tellOfOpening();
      await this.#checkFiles(all);
      await this.#readPacks();
    } finally {
      await verified.save((pack) => packs.index.pack(pack) !== undefined);
    }
    if (this.#isIndexLost) {
      await this.#fault({
        kind: "index",
        subject: layout.packs,
        why: "commits are not looked at before it is repaired",
      });
    } else {
      await this.#preferCopies();
      await this.#checkCommits();
    }
    return { ...this.#report, packs: packs.index.packs.length, objects: packs.index.objectCount };
  }

  /** What was wrong when the store was opened: packs that were left out, and indexes that have been made again since. */
  async #tellOfOpening(): Promise<void> {
    const { leftOut, layout, packs, remadeIndexes, verified, config, ballast } = this.#parts;
    if (config.isMended) {
      const subject = layout.config;
      await this.#fault({ kind: "file", subject, why: "it has a wrong byte; its check tells what that was" });
      await config.write(config.config);
      await this.#tell({ kind: "repaired", subject, why: "written anew" });
      this.#report.repaired += 1;
    }
    if (await ballast.isDamaged()) {
      await this.#fault({
        kind: "file",
        subject: layout.ballast,
        why: "it is not as it was written; it is made again",
      });
      await ballast.renew();
      this.#report.repaired += 1;
    }
    if (verified.isUnreadable)
      await this.#fault({ kind: "file", subject: layout.verified, why: "it is damaged, and not used" });
    for (const path of remadeIndexes.splice(0)) {
      await this.#fault({ kind: "index", subject: path, why: "it was damaged, and has been made again from its pack" });
      this.#report.repaired += 1;
    }
    for (const each of leftOut.slice()) {
      if (packs.index.pack(each.id) === undefined) await this.#brokenPack({ id: each.id, pack: undefined }, each.why);
      else leftOut.splice(leftOut.indexOf(each), 1); // it has come again since
    }
  }

  /** Compares the length of every pack with what its index says, and every index with its checksum. */
  async #checkFiles(all: readonly NumberedPack[]): Promise<void> {
    const { layout } = this.#parts;
    for (const [at, pack] of all.entries()) {
      this.#step("files", at, all.length);
      const bytes = (await ifThere(stat(layout.pack(pack.id))))?.size;
      const isIndexWhole = (await readPackIndex(layout.index(pack.id), pack.id)) !== undefined;
      if (pack.isHidden) continue; // the store was cleaned meanwhile
      if (bytes !== pack.packLength) {
        await this.#brokenPack({ id: pack.id, pack }, wrongLength(bytes, pack.packLength));
      } else if (!isIndexWhole) await this.#brokenIndex(pack);
    }
  }

  /** Reads packs as a whole, those first that were verified longest ago, and in any case those that were found to be damaged. */
  async #readPacks(): Promise<void> {
    const { packs, layout, verified } = this.#parts;
    const { readPermille, signal } = this.#options;
    const ages = await packAges(packs.index.packs, { layout, verified });
    const part = new Set(firstPart(ages, readPermille));
    const chosen = ages.filter((age) => (part.has(age) || age.isDamaged) && !this.#broken.has(age.pack.id));
    const total = chosen.reduce((sum, { pack }) => sum + pack.packLength, 0);
    for (const { pack } of chosen) {
      let read = this.#report.bytesRead;
      const pace = (bytes: number): void => this.#step("packs", (read += bytes), total);
      const unpin = packs.pin([pack.id]);
      const { bytesRead, why } = await verifyPack(layout.pack(pack.id), pack.id, { signal, pace }).finally(unpin);
      this.#report.packsRead += 1;
      this.#report.bytesRead += bytesRead;
      if (pack.isHidden) continue;
      verified.set(pack.id, { atMs: Date.now(), isDamaged: why !== undefined });
      if (why !== undefined) await this.#brokenPack({ id: pack.id, pack }, why);
    }
  }

  /** A pack that is not whole: it is repaired, or what is damaged of it is found out. */
  async #brokenPack(broken: BrokenPack, why: string): Promise<void> {
    const { layout, verified, leftOut, packs } = this.#parts;
    this.#broken.add(broken.id);
    const subject = layout.pack(broken.id);
    const isIndexLost = broken.pack !== undefined && (await indexOfPack(broken, layout)) === undefined;
    if (this.#options.repair) {
      if (isIndexLost) {
        // it is left out, as it would be if the store were opened now: nobody can say which objects are in it
        packs.index.hide(broken.pack === undefined ? [] : [broken.pack]);
        leftOut.push({ id: broken.id, path: subject, why });
      }
      const owner = broken.pack?.owner;
      await this.#repair({ id: broken.id, pack: isIndexLost ? undefined : broken.pack, owner }, why);
      const at = leftOut.findIndex(({ id }) => id === broken.id);
      if (at >= 0) leftOut.splice(at, 1);
      return;
    }
    this.#isIndexLost ||= isIndexLost;
    const parts = { ...this.#parts, signal: this.#options.signal };
    const { examined, index } = await examineBroken(broken, parts);
    const members = examined.intact + examined.broken;
    const left = members === 0 ? "" : `; ${examined.intact} of ${members} members are intact`;
    await this.#fault({ kind: "pack", subject, why: why + left });
    const { pack } = broken;
    if (pack === undefined) return;
    verified.set(pack.id, { atMs: Date.now(), isDamaged: true });
    this.#damagedPacks.add(pack);
    const records = index && recordsIn(index);
    for (let at = 0; at < pack.recordCount; at += 1) {
      const isIntact = records !== undefined && examined.objects.has(records, at * recordLength);
      if (!isIntact) this.#damaged.add(pack.start + at);
    }
  }

  async #repair(broken: BrokenPack, why: string): Promise<void> {
    const { layout, verified, disk, heads } = this.#parts;
    const subject = layout.pack(broken.id);
    if (!this.#isPrepared) {
      await makeFolderDurably(disk, layout.damaged);
      await heads.suspectAll(); // until it is known which heads lack something now
      this.#isPrepared = true;
    }
    await this.#fault({ kind: "pack", subject, why });
    const repaired = await repairPack(broken, { ...this.#parts, signal: this.#options.signal });
    const { aside, salvaged, intact } = repaired;
    const members = intact + repaired.broken;
    const kept =
      salvaged === undefined
        ? "nothing of it was intact"
        : `${intact} of its ${members} members are kept in '${layout.pack(salvaged)}'`;
    await this.#tell({ kind: "repaired", subject, why: `set aside as '${aside}'; ${kept}` });
    this.#report.repaired += 1;
    verified.delete(broken.id);
    if (salvaged !== undefined) verified.set(salvaged, { atMs: Date.now(), isDamaged: false });
  }

  async #brokenIndex(pack: NumberedPack): Promise<void> {
    const { layout, disk, packs } = this.#parts;
    const subject = layout.index(pack.id);
    const isThere = (await ifThere(stat(subject))) !== undefined;
    await this.#fault({ kind: "index", subject, why: isThere ? "it is damaged" : "it is missing" });
    try {
      const of = { codec: layout.codec(pack.id), owner: pack.owner };
      const bytes = await scanPack(layout.pack(pack.id), pack.id, of);
      await writeFileWhole(disk, subject, { bytes, temporary: layout.temporary() });
      packs.index.reread(pack);
      await this.#tell({ kind: "repaired", subject, why: "made again from its pack" });
      this.#report.repaired += 1;
    } catch (error) {
      if (!isBakError(error, "BAD_PACK")) throw error;
      await this.#brokenPack({ id: pack.id, pack }, error.message);
    }
  }

  /** Has objects found where another pack has them whole, so that they are not lost though one pack is damaged. */
  async #preferCopies(): Promise<void> {
    const { packs, layout } = this.#parts;
    for (const pack of this.#damagedPacks) {
      const index = await indexOfPack({ id: pack.id, pack }, layout);
      if (index === undefined) continue;
      const isUsable = (record: number): boolean => !this.#damaged.has(record);
      const others = await otherPlaces(pack, recordsIn(index), { packs: packs.index.packs, isUsable });
      const isMoved = (at: number): boolean => this.#damaged.has(pack.start + at) && others[at] !== -1;
      if (!others.some((_, at) => isMoved(at))) continue;
      await packs.index.relocate(
        pack,
        others.map((other, at) => (isMoved(at) ? other : pack.start + at)),
      );
    }
  }

  /** Every commit of every project, the latest first. */
  async #checkCommits(): Promise<void> {
    const { projects, heads, packs } = this.#parts;
    const all = new Set([...(await projects.list()), ...(await projects.listForgotten())]);
    const logs = [...all].toSorted();
    const checks = new CommitChecks({
      recordOf: (id) => packs.index.recordOf(objectIdBytes(id), 0),
      lengthsOf: (ids) => packs.lengthsOf(Buffer.from(ids.buffer, ids.byteOffset, ids.length)),
      readObject: (id, kind) => this.#readObject(id, kind),
      isDamaged: (record) => this.#damaged.has(record),
      hasDamage: () => this.#damagedPacks.size > 0,
    });
    const incomplete = new Set<ObjectId>();
    for (const project of logs) {
      const { log } = await this.#auditProject(project);
      for (const [at, { commit }] of log.lines.toReversed().entries()) {
        this.#step("commits", this.#report.commits, 0);
        const subject = `${project} ${commit.slice(0, 12)}`;
        const onFault = (fault: { path: Parameters<typeof displayPath>[0]; why: string }): Promise<void> => {
          if (fault.path === "") return this.#fault({ kind: "commit", subject, why: fault.why });
          return this.#fault({ kind: "path", subject: `${subject}: ${displayPath(fault.path)}`, why: fault.why });
        };
        const before = this.#report.faults;
        const { faults: found, isWhole } = await checks.check(project, commit, {
          signal: this.#options.signal,
          onFault,
        });
        const untold = before + found - this.#report.faults;
        if (untold > 0)
          await this.#fault({ kind: "commit", subject, why: `${untold} more of its paths are incomplete` }, untold);
        if (!isWhole && at === 0) incomplete.add(commit);
        this.#report.commits += 1;
      }
    }
    if (this.#options.repair) await heads.set(incomplete);
    else await heads.retain((head) => incomplete.has(head as ObjectId));
    this.#report.incompleteHeads = incomplete.size;
  }

  /** What is left of a project's files, of which what is wrong is told, and mended where that was asked for. */
  async #auditProject(project: ProjectId): Promise<AuditedProject> {
    const { projects, layout, disk } = this.#parts;
    const audited = await projects.audit(project);
    const { log, forgotten } = audited;
    for (const { why } of log.faults) await this.#fault({ kind: "log", subject: layout.log(project), why });
    for (const { why } of forgotten.faults) await this.#fault({ kind: "log", subject: layout.forgotten(project), why });
    if (!this.#options.repair || log.faults.length + forgotten.faults.length === 0) return audited;
    await makeFolderDurably(disk, layout.damaged);
    const readCommit = (id: ObjectId): Promise<Uint8Array> => this.#readObject(id, "commit");
    const repaired = await projects.repair(project, (found) => rescueLines(project, found, readCommit));
    for (const { path, aside, lost } of repaired) {
      const what = lost === 0 ? "every line is there again" : `${lost} of its lines lost, all others kept`;
      await this.#tell({ kind: "repaired", subject: path, why: `${what}; the damaged file is kept as '${aside}'` });
      this.#report.repaired += 1;
    }
    return projects.audit(project);
  }

  /** An object of a commit; where the disk can't give it, it is damaged, and the check goes on. */
  async #readObject(id: ObjectId, kind: ObjectKind): Promise<Uint8Array> {
    try {
      return await this.#parts.store.readObject(id, kind);
    } catch (error) {
      const errno = isBakError(error, "STORE_FAILED") ? errnoOf(error.cause) : undefined;
      if (errno !== "EIO" && errno !== "ENOENT") throw error;
      throw new BakError("STORE_DAMAGED", `${kind} '${id}' cannot be read: ${errno}`, { cause: error });
    }
  }

  #step(phase: string, done: number, total: number): void {
    this.#options.signal.throwIfAborted();
    this.#options.onProgress({ phase, done, total });
  }

  async #fault(finding: Finding, count = 1): Promise<void> {
    this.#report.faults += count;
    await this.#tell(finding);
  }

  async #tell(finding: Finding): Promise<void> {
    this.#told += 1;
    if (this.#told <= maxFindings) await this.#options.onFinding(finding);
  }
}

function wrongLength(actual: number | undefined, expected: number): string {
  return actual === undefined ? "it is missing" : `it is ${actual} bytes long, not ${expected}`;
}
