// What the device says of scans by itself: given [{snapshot, waiting, scan}, …] prints [{verdict, reason, bay, …}, …].
import { readFileSync } from "node:fs";
import { judge } from "../../wastetrack/static/wastetrack/scan/rules.js";

const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(asked.map(({ snapshot, waiting, scan }) => judge(snapshot, waiting, scan))));
