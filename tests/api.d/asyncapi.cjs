// Parses an AsyncAPI document as tools do, and fails on any error or warning.
const { Parser, fromFile } = require('@asyncapi/parser');

const ALLOWED = new Set(['asyncapi-latest-version', 'asyncapi-info-contact']); // see spectral-asyncapi.yaml

async function main(file) {
  const { document, diagnostics } = await fromFile(new Parser(), file).parse();
  const wrong = diagnostics.filter(({ code }) => !ALLOWED.has(code));
  for (const { code, path, message } of wrong) {
    console.error(`${file}: ${path.join('.')}: ${message} (${code})`);
  }
  if (!document || wrong.length > 0) {
    process.exit(1);
  }
  console.log(`${document.operations().all().length} operations, ${document.messages().all().length} messages`);
}

main(process.argv[2]);
