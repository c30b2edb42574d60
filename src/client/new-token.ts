/** Makes the secret of a new token. */
import { customAlphabet } from "nanoid";
import { secretAlphabet, secretLength, secretPrefix, type TokenSecret } from "../objects/token-secret.js";

const randomPart = customAlphabet(secretAlphabet, secretLength);

/** One that nobody has: 32 characters drawn from the system's own randomness. */
export function newTokenSecret(): TokenSecret {
  return (secretPrefix + randomPart()) as TokenSecret;
}
