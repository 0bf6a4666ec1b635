// Reads texts with the device's codes.js: {site, texts: [...]} → [{kind, code, text}, …].
import { readFileSync } from "node:fs";
import { read } from "../../wastetrack/static/wastetrack/scan/codes.js";

const { site, texts } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map((text) => read(text, site))));
