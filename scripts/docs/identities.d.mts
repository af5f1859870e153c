/** Path of docs/identities.md. */
export const page: string;
/** The page as the tests of tests/identities make it. */
export function identitiesPage(): string;
