import { openFileRoom } from '../../test/books-kit.ts';
import { openSimulatedGateway } from './simulated-gateway.ts';
import { type GatewayRoom, gatewaySuite } from './testing/gateway-suite.ts';

gatewaySuite(
  'in a file',
  (): GatewayRoom => openFileRoom((path, options) => openSimulatedGateway({ path, ...options })),
);
