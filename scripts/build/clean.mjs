/** Removes what a build makes, so that nothing of an older one is packed. */
import { rmSync } from "node:fs";

for (const folder of ["build", "dist", "page/dist"]) rmSync(folder, { recursive: true, force: true });
