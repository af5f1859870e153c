declare module "virtual:reading" {
  export const sections: readonly import("./reading.js").ReadingSection[];
}
