/**
 * Loaded before a file of tests: keeps tap from following every promise and callback, which it does (async-hook-domain) to tell which of
 * its tests an error comes from that nobody has caught. That took up to a seventh of the time of a test. What is thrown ends the
 * file instead, with its stack on stderr, which counts as a failure (run-files.js); a rejection counts as one outside of all tests.
 */
import hooks from "node:async_hooks";
import { syncBuiltinESMExports } from "node:module";

const noHook = { enable: () => noHook, disable: () => noHook };

hooks.createHook = () => noHook;
syncBuiltinESMExports();
