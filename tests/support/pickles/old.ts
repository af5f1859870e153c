/** Values as pickles of protocol 0, as Python 2 and Python 3 write them: text, one character a byte. */
import { type PickleObject, type PickleValue, sequence } from "../../../src/formats/pickle/values.js";

const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

/** repr() of a byte string. */
const quoted = (text: string): string =>
  `'${text.replace(/[^ -&(-[\]-~]/g, (character) => `\\x${hex(character.charCodeAt(0), 2)}`)}'`;

/** What the "raw-unicode-escape" codec makes of text, and pickle of its line ends and backslashes. */
const ESCAPED = "\\\n\r\0\u001a";
const escaped = (text: string): string =>
  Array.from(text, (character) =>
    ESCAPED.includes(character) ? `\\u${hex(character.charCodeAt(0), 4)}` : character,
  ).join("");

export function oldPickle(value: PickleValue, python: 2 | 3): Uint8Array {
  const text = (characters: string): string =>
    python === 2 ? `S${quoted(characters)}\n` : `V${escaped(characters)}\n`;
  const bytes = (data: Uint8Array): string =>
    python === 2 ? `S${quoted(latin1(data))}\n` : `c_codecs\nencode\n(V${escaped(latin1(data))}\nVlatin1\ntR`;
  const object = (type: string): string => {
    const [module, name] = [type.slice(0, type.lastIndexOf(".")), type.slice(type.lastIndexOf(".") + 1)];
    return `ccopy_reg\n_reconstructor\n(c${module}\n${name}\nc__builtin__\nobject\nNtR`;
  };
  const put = (item: PickleValue): string => {
    if (item === null) return "N";
    if (typeof item === "boolean") return `I0${item ? 1 : 0}\n`;
    if (typeof item === "number") return Number.isInteger(item) ? `I${item}\n` : `F${item}\n`;
    if (typeof item === "string") return text(item);
    if (item instanceof Uint8Array) return bytes(item);
    if (item instanceof Map) return `(d${[...item].map(([key, entry]) => `${put(key)}${put(entry)}s`).join("")}`;
    if (Array.isArray(item)) return `(l${item.map((entry) => `${put(entry)}a`).join("")}`;
    const items = sequence(item);
    if (items !== null) return `(${items.map(put).join("")}t`;
    const record = item as PickleObject;
    if (record.type === "numpy.ndarray") {
      const made = `cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\nt${bytes(Uint8Array.of(98))}tR`;
      return `${made}${put(record.state)}b`;
    }
    if (record.type === "numpy.dtype") {
      return `cnumpy\ndtype\n(${record.args.map(put).join("")}tR${put(record.state)}b`;
    }
    return `${object(record.type)}${put(record.state)}b`;
  };
  return Uint8Array.from(`${put(value)}.`, (character) => character.charCodeAt(0));
}
