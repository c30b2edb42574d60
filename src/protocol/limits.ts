/** What one message, and one connection, may be as large as. docs/protocol.md lists them. */
import { maxPackedMemberBytes } from "../objects/pack-format.js";

/** The WebSocket subprotocol; its number is that of the protocol's version. */
export const subprotocol = "bak.v2";
export const protocolVersion = 2;

/** A frame holds one message; the largest is one member of a pack. */
export const maxFrameBytes = maxPackedMemberBytes + 64;
/** Ids in one `has` or `get`. */
export const maxIdsPerMessage = 1 << 16;
/** Commits in one page of a log. */
export const maxLogLinesPerMessage = 4096;
/** Commits in one page of what was forgotten. */
export const maxForgottenLinesPerMessage = 4096;
/** Each text of a finding. */
export const maxFindingBytes = 8192;
/** Findings that come before the answer to one check. */
export const maxFindingsPerCheck = 10_000;
/** Lines of the sizes of projects in one answer: 20,000 of them at least, which is 200 bytes a line. */
export const maxSizeLinesBytes = 4 << 20;
/** Commits of which one answer says what they have added, and the bytes of their lines. */
export const maxGrowthLines = 1000;
export const maxGrowthLinesBytes = 1 << 19;
/** All that is told of a store's tokens. */
export const maxTokenLinesBytes = 2 << 20;
/** What is told of one: its 64 projects have 130 bytes each at most. */
export const maxTokenLineBytes = 9 << 10;
/** Received frames wait for their reader up to this many bytes; then the connection is not read from. */
export const receiveQueueBytes = 4 << 20;
/** And so many of them, however short they are: each takes memory of its own. */
export const maxWaitingFrames = 1 << 14;
/** Sent frames wait for the network up to this many bytes; then `send` waits. */
export const sendQueueBytes = 4 << 20;
/** Packs of one sender whose end was sent and that are not acknowledged. */
export const maxUnacknowledgedPacks = 2;
/** After so long without any sign of the other end, a connection is given up. */
export const silenceLimitMs = 60_000;
/** A client says hello within so long; so does a connection become a WebSocket. */
export const helloTimeoutMs = 60_000;
