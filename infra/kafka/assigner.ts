import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

const version = 1;

/**
 * Who gets what: partition p of every topic of the group goes to the same member, so that one order, which has the same
 * partition everywhere, is in one process. All members of a group must use it.
 */
export const samePartitionAssigner: PartitionAssigner = ({ cluster }) => ({
  name: 'recourse-same-partition',
  version,
  protocol: ({ topics }) => ({
    name: 'recourse-same-partition',
    metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData: nothing }),
  }),
  assign: async ({ members, topics }) => {
    const subscribed = members
      .map(({ memberId, memberMetadata }) => ({
        memberId,
        topics: new Set(AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics),
      }))
      .sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
    const assigned = new Map(members.map(({ memberId }) => [memberId, {} as Record<string, number[]>]));
    for (const topic of topics) {
      // Members of two versions may ask for other topics: each partition goes to one who asked for it.
      const takers = subscribed.filter((member) => member.topics.has(topic));
      if (takers.length === 0) continue;
      for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
        const of = assigned.get(takers[partitionId % takers.length]!.memberId)!;
        of[topic] = [...(of[topic] ?? []), partitionId];
      }
    }
    return [...assigned].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({ version, assignment, userData: nothing }),
    }));
  },
});

const nothing = Buffer.alloc(0);
