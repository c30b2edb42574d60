/** What one session may do, and see. */
import { setMaxListeners } from "node:events";
import type { Right } from "../objects/rights.js";
import type { ProjectId } from "../objects/project-id.js";

/** What somebody who has said hello may do. It holds until `revoked` is aborted. */
export interface Access {
  /** Of the token; undefined where none is needed. */
  readonly name: string | undefined;
  /** Whether the session has a right: over its own project, or, for `admin`, over the store as a whole. */
  may(right: Right): boolean;
  /** Whether there may be talk of a project. The same function for all who may see the same. */
  readonly sees: (project: ProjectId) => boolean;
  /** Whether there may be talk of every project. */
  readonly seesAll: boolean;
  /** How many bytes of packs the projects may keep together that it sees; no limit of its own if undefined. */
  readonly quotaBytes: number | undefined;
  /** Aborted, with the NOT_ALLOWED that the other end is to be told, once the session may do nothing any more. */
  readonly revoked: AbortSignal;
  /** To be called once nobody needs it any more. */
  release(): void;
}

const never = new AbortController().signal;
setMaxListeners(0, never); // each of its sessions listens

/** For who has the store's folder, and for a server that lets in whoever comes. */
export const fullAccess: Access = {
  name: undefined,
  may: () => true,
  sees: () => true,
  seesAll: true,
  quotaBytes: undefined,
  revoked: never,
  release: () => undefined,
};

/** Says what whoever says hello may do; rejects with NOT_ALLOWED. `peer` is where it comes from. */
export type Authorize = (hello: { project: ProjectId; token: string | undefined }, peer: string) => Promise<Access>;
