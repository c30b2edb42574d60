/** The folder of the project: tests run as compiled, in a folder of their own. */
export const projectFolder = new URL("../../../", import.meta.url);
