import { render } from "preact";
import { App } from "./app/App.js";
import { isolate } from "./app/isolation.js";
import { applyTheme } from "./app/theme.js";
import "./style/index.css";

applyTheme();
if (!(await isolate())) render(<App />, document.getElementById("app")!);
