// Seals on the device what the site is to open: reads { key, role, stop, bound, told, head, drums, fresh }.

import { boundTo, seal, shownDigest } from "../../wastetrack/static/wastetrack/rounds/seal.js";

let given = "";
for await (const piece of process.stdin) given += piece;
const { key, role, stop, bound, told, head, drums, fresh } = JSON.parse(given);
const shown = await shownDigest(head, drums, fresh), all = { ...bound, shown };
console.log(JSON.stringify({ shown, sealed: await seal(key, boundTo(role, stop, all), told) }));
