// Mounts the console.

import { render } from "preact";
import { listen } from "./routing";
import { App } from "./shell/app";
import "./styles/index.css";

listen();
render(<App />, document.getElementById("console") as HTMLElement);
