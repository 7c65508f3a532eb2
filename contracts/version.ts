/** The version of this Recourse, as `package.json` says it. */
export const recourseVersion = '0.1.0';
