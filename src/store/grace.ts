/** How long forgotten commits can be brought back. */

/**
 * What a forgotten commit reaches is kept for so many milliseconds after it was forgotten, by the store's own clock; what
 * came to the store is kept as long, though no commit names it: 7 days.
 */
export const defaultGraceMs = 7 * 24 * 60 * 60 * 1000;
