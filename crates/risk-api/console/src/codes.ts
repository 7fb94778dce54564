// Names of the closed lists of codes that the API answers with (codes.json; reports have them from there, too). A
// code of a later server, which has no name here, is shown as it is.
import names from './codes.json';

export type Pair = readonly [zh: string, en: string];

type Names = typeof names;

export const codes = names as unknown as { readonly [S in keyof Names]: { readonly [C in keyof Names[S]]: Pair } };

export type Scale = keyof Names;
