// node --require redirect.cjs run_mixpanel_import.cjs FILE OPTIONS-AS-JSON: mixpanel-import as a library.
"use strict";
const path = require("node:path");
const importEvents = require(path.join(process.env.BENCH_NODE_MODULES, "mixpanel-import"));
const [file, options] = process.argv.slice(2);

importEvents({ token: "bench", secret: "bench" }, file, JSON.parse(options)).then((summary) => {
  console.log(JSON.stringify({ success: summary.success, failed: summary.failed, requests: summary.requests }));
  process.exit(summary.failed ? 1 : 0);
});
