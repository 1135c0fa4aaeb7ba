// Runs the mock server until its standard input ends: so it ends with the test that started it, however that ends.
const [prism, ...rest] = process.argv.slice(2);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.argv = [process.argv[0], prism, ...rest];
require(prism);
