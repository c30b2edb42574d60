/** What a session does about how large a store is. */
import { BakError } from "../errors.js";
import { maxGrowthLines, maxSizeLinesBytes } from "../protocol/limits.js";
import type { MessageOf } from "../protocol/messages.js";
import { encodeGrowth, encodeProjectSizes } from "../protocol/size-lines.js";
import type { Store } from "../store/store.js";
import type { LongWork } from "./long-requests.js";

/** Measures the store. Rejects with LIMIT where it has more projects than one answer holds. */
export async function answerMeasure(
  store: Pick<Store, "measure">,
  { request, growth }: MessageOf<"measure">,
  long: LongWork,
): Promise<MessageOf<"measured">> {
  const sizes = await store.measure({ growth: Math.min(growth, maxGrowthLines), ...long });
  const { contentBytes, storedBytes, isIncomplete: incomplete } = sizes;
  const projects = encodeProjectSizes(sizes.projects);
  if (projects.length > maxSizeLinesBytes)
    throw new BakError("LIMIT", `${sizes.projects.length} projects are more than one answer holds`);
  return {
    type: "measured",
    request,
    projects,
    growth: encodeGrowth(sizes.growth),
    contentBytes,
    storedBytes,
    incomplete,
  };
}
