/**
 * When npm installs the package from an address of git, it runs `prepare`, and not `prepack`, in a clone of its own: then the page
 * has to be built here, or `stylegan explore` would have none. In a clone of somebody who works on it, it is built when it is needed.
 */
import { execFileSync } from "node:child_process";

// What npm sets while it makes a package out of a clone.
if (process.env._PACOTE_NO_PREPARE_ !== undefined) {
  const args = ["node_modules/vite/bin/vite.js", "build", "--config", "page/vite.config.ts", "--logLevel", "warn"];
  execFileSync(process.execPath, args, { stdio: "inherit" });
}
