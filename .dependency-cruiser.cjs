/**
 * The rooms of src/ and the doors between them. Type-only imports count too: knowing another room's types is
 * knowing the room. test/layers.test.ts proves that each of these rules refuses what it should.
 */

/** Which rooms a room may import from, besides itself. */
const doors = {
  "errors.ts": [],
  objects: ["errors.ts"],
  platform: ["errors.ts"],
  threads: ["objects", "errors.ts"],
  store: ["threads", "objects", "platform", "errors.ts"],
  protocol: ["objects", "errors.ts"],
  client: ["protocol", "threads", "objects", "platform", "errors.ts"],
  server: ["protocol", "store", "objects", "errors.ts"],
  cli: ["client", "server", "protocol", "store", "objects", "platform", "errors.ts"],
  commands: ["cli", "client", "server", "threads", "objects", "errors.ts"],
};

/** Which rooms may import an npm package. A package that is not named here may be imported by none. */
const packages = {
  "blake3-wasm": ["objects"],
  "@napi-rs/blake-hash": ["objects"],
  "tar-stream": ["objects"],
  zstddec: ["objects"],
  nanoid: ["store", "client"],
  koffi: ["platform"],
  ws: ["protocol"],
  msgpackr: ["protocol"],
  pino: ["cli"],
  "@oclif/core": ["cli", "commands"],
};

/** What the objects room may use of Node: it computes, and does no input or output. */
const pureBuiltins = ["buffer", "module", "util", "zlib"];

/** Only the server listens; what accepts a connection for it may know the types of what it is handed. */
const listenerBuiltins = ["http", "https"];

const roomPath = (room) => (room.endsWith(".ts") ? `${room.replace(".", "\\.")}$` : `${room}/`);
const anyOf = (rooms) => `^src/(${rooms.map(roomPath).join("|")})`;
const escaped = (name) => name.replace(/[/.-]/g, "\\$&");
const packagePath = (name) => `(^|/)node_modules/(@types/)?${escaped(name)}/`;
const builtinPath = (names) => `^(node:)?(${names.join("|")})$`;
const rooms = Object.keys(doors);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...rooms.map((room) => ({
      name: `doors-of-${room.replace(".ts", "")}`,
      comment: `src/${room} may import from ${doors[room].join(", ") || "nothing else in src"} only`,
      severity: "error",
      from: { path: anyOf([room]) },
      to: { path: "^src/", pathNot: anyOf([room, ...doors[room]]) },
    })),
    ...Object.entries(packages).map(([name, allowed]) => ({
      name: `only-${allowed.join("-and-")}-imports-${name}`,
      comment: `${name} is known to ${allowed.join(", ")} alone, so that it can be replaced there`,
      severity: "error",
      from: { path: "^src/", pathNot: anyOf(allowed) },
      to: { path: packagePath(name) },
    })),
    {
      name: "package-without-a-room",
      comment: "say in .dependency-cruiser.cjs which room may import this package",
      severity: "error",
      from: { path: "^src/" },
      to: {
        path: "(^|/)node_modules/",
        pathNot: Object.keys(packages).map(packagePath).concat("node_modules/@types/node/"),
      },
    },
    {
      name: "objects-is-pure",
      comment: "objects encodes, decodes and hashes; files, but for code of its own, and sockets belong to other rooms",
      severity: "error",
      from: { path: "^src/objects/", pathNot: "^src/objects/wasm[.]ts$" },
      to: { dependencyTypes: ["core"], pathNot: builtinPath(pureBuiltins) },
    },
    {
      name: "only-server-listens",
      severity: "error",
      from: { path: "^src/", pathNot: anyOf(["server"]) },
      to: { dependencyTypes: ["core"], dependencyTypesNot: ["type-only"], path: builtinPath(listenerBuiltins) },
    },
    {
      name: "no-file-outside-a-room",
      severity: "error",
      from: { path: "^src/", pathNot: anyOf(rooms) },
      to: {},
    },
    {
      name: "src-stays-in-src",
      comment: "what is published can't lean on tests, scripts or benchmarks",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|scripts|bench|bin|dist)/" },
    },
    {
      name: "no-dev-dependency",
      comment: "a development dependency is not there when bak is installed",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-unlisted-package",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    { name: "no-unresolvable", severity: "error", from: { path: "^src/" }, to: { couldNotResolve: true } },
    { name: "no-cycle", severity: "error", from: { path: "^src/" }, to: { circular: true } },
    {
      name: "no-orphan",
      comment: "a module that nothing imports and that imports nothing is left over",
      severity: "error",
      from: { orphan: true, path: "^src/", pathNot: "\\.d\\.ts$" },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
