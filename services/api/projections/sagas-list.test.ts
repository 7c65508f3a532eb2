import { describe } from '@jest/globals';
import { inFiles } from './testing/engines.ts';
import { listsContract } from './testing/lists-contract.ts';

describe('the lists of the read models', () => listsContract(inFiles));
