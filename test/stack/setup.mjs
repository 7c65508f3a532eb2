// Plain JavaScript: Node itself loads it, and strips the types of what it imports.
import { stackBefore } from './for-tests.ts';

export default stackBefore;
