<?php

declare(strict_types=1);

namespace Gospread;

/**
 * A new membership of a group that this client is in: messages behind it, up to
 * the next view, are delivered among these members (client protocol 5.2). Only
 * connections that asked for membership receive views.
 */
final class View implements Event
{
    /**
     * @param list<string>       $members private groups of the members, in the same order at every member
     * @param int                $index   this client's place in $members, -1 if it is not among them
     * @param ?string            $changed who joined, left or disconnected; null for Cause::Network
     * @param list<list<string>> $sets    for Cause::Network the members parted by where they come from: those of one set
     *                                    shared the view before and delivered the same messages in it. Else one set with
     *                                    the changed member. A 3.x daemon tells only the own set.
     * @param int                $ownSet  the index in $sets of the set that this client came with
     */
    public function __construct(
        public readonly string $group,
        public readonly ViewId $id,
        public readonly Cause $cause,
        public readonly array $members,
        public readonly int $index,
        public readonly ?string $changed,
        public readonly array $sets,
        public readonly int $ownSet,
    ) {
    }
}
