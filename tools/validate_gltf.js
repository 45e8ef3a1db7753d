// The Khronos glTF validator on the files named: one line each, exit code 1 if any has an error.
const fs = require("fs");
const validator = require("gltf-validator");

async function main(paths) {
  let isBad = false;
  for (const path of paths) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(path)));
    const { numErrors, numWarnings, messages } = report.issues;
    isBad = isBad || numErrors > 0;
    console.log(`${path}: ${numErrors} errors, ${numWarnings} warnings`);
    for (const message of messages.filter((each) => each.severity < 2)) {
      console.log(`  ${message.code} ${message.pointer}: ${message.message}`);
    }
  }
  process.exit(isBad ? 1 : 0);
}

main(process.argv.slice(2));
