// Loaded before mixpanel-import (node --require), which has no option for another host: sends what it would
// send to api.mixpanel.com to the address in BENCH_URL, in plain text, so that no TLS is charged to it.
"use strict";
const path = require("node:path");
const paths = [path.join(process.env.BENCH_NODE_MODULES, "mixpanel-import")];

const undici = require(require.resolve("undici", { paths }));
undici.Pool = class extends undici.Pool {
  constructor(_origin, options) {
    super(process.env.BENCH_URL, options);
  }
};

const Job = require(path.join(paths[0], "components/job.js"));
Object.defineProperty(Job.prototype, "url", { get: () => `${process.env.BENCH_URL}/import` });
