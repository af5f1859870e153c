/** For tests that know the list by its former place. */
export { kernelCases } from "./kernelCases/all.js";
