/** What a session does about the store's tokens, for whoever may administer it. */
import { BakError, unreachable } from "../errors.js";
import { parseProjectPatterns } from "../objects/project-pattern.js";
import { parseRights } from "../objects/rights.js";
import { parseTokenName } from "../objects/token-name.js";
import type { MessageOf } from "../protocol/messages.js";
import { encodeTokenLines } from "../protocol/token-lines.js";
import type { Changer, Gate } from "./gate.js";

/** The tokens of the store that a session speaks with; none where it is not served, but opened as a folder. */
export type TokenKeeper = Pick<Gate, "add" | "list" | "revoke">;

/** Does what is asked. Throws NOT_SUPPORTED where there is no keeper, USAGE for names that are none, and what the keeper rejects with. */
export async function answerTokens(
  keeper: TokenKeeper | undefined,
  message: MessageOf<"tokenAdd" | "tokenList" | "tokenRevoke">,
  by: Changer,
): Promise<MessageOf<"tokenAdded" | "tokens" | "tokenRevoked">> {
  if (keeper === undefined) throw new BakError("NOT_SUPPORTED", "the tokens of a folder are in the folder");
  const { request } = message;
  switch (message.type) {
    case "tokenAdd": {
      const { id, createdMs } = await keeper.add(
        {
          name: parseTokenName(message.name),
          hash: message.hash,
          projects: parseProjectPatterns(message.projects.split(" ")),
          rights: parseRights(message.rights.split(" ")),
          expiresMs: message.expiresMs,
          quotaBytes: message.quotaBytes,
        },
        by,
      );
      return { type: "tokenAdded", request, id, createdMs };
    }
    case "tokenList":
      return { type: "tokens", request, lines: encodeTokenLines(await keeper.list()) };
    case "tokenRevoke": {
      const { token, left } = await keeper.revoke(parseTokenName(message.name), by);
      return { type: "tokenRevoked", request, id: token.id, left };
    }
    default:
      return unreachable(message);
  }
}
