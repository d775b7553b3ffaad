<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\Cause;
use Gospread\Event;
use Gospread\Internal\Decoder;
use Gospread\Internal\Protocol;
use Gospread\Message;
use Gospread\ProtocolException;
use Gospread\Rejected;
use Gospread\Request;
use Gospread\SelfLeave;
use Gospread\Service;
use Gospread\Transition;
use Gospread\View;
use Gospread\ViewId;

final class DecoderTest extends TestCase
{
    /** Bytes that original daemons and clients were seen to exchange. */
    private const VECTORS = __DIR__ . '/../../../testdata/vectors.json';

    /** @return array<string, list<array<string, string>>> by scenario and session, in order */
    private static function vectors(): array
    {
        if (!is_file(self::VECTORS)) {
            throw new Skipped('the recorded exchanges are in the repository only');
        }
        $sessions = [];
        foreach (json_decode(file_get_contents(self::VECTORS), true, 512, JSON_THROW_ON_ERROR) as $v) {
            $v['bytes'] = hex2bin($v['hex']);
            $sessions["$v[scenario]/$v[session]"][] = $v;
        }
        return $sessions;
    }

    public function testRecordedDaemons(): void
    {
        $seen = 0;
        foreach (self::vectors() as $name => $vectors) {
            $private = '';
            $old = str_starts_with($name, 'v3-');
            $stream = '';
            $want = [];
            foreach ($vectors as $v) {
                if ($v['direction'] !== 'D>C') {
                    if ($private === '' && str_contains($v['notes'], 'groups=')) {
                        $private = unpack('Z32', $v['bytes'], 4)[1];
                    }
                    continue;
                }
                if (str_contains($v['notes'], 'groups=')) {
                    $stream .= $v['bytes'];
                    $note = explode(';', $v['notes'])[0];
                    $want[] = preg_match('/gid=|^CAUSED_BY_LEAVE from/', $note) ? preg_replace('/ len=\d+/', '', $note) : $note;
                }
            }
            foreach ([1, 7, 48, 1 << 20] as $size) {
                $got = array_map(self::describe(...), self::decode($stream, $size, $private, $old));
                $this->same($want, $got, "$name in pieces of $size");
            }
            $seen += count($want);
        }
        $this->true($seen > 50, "only $seen messages were looked at");
    }

    public function testRecordedClients(): void
    {
        $seen = 0;
        foreach (self::vectors() as $name => $vectors) {
            foreach ($vectors as $v) {
                // The client that writes as we do; the others show other things.
                if ($v['direction'] !== 'C>D' || !str_contains($v['notes'], 'groups=') || ord($v['bytes'][0]) < 0x80) {
                    continue;
                }
                foreach (self::decode($v['bytes'], 1 << 20, '', false) as $m) {
                    $word = $m->flags | ($m->service->value ?? 0) | ($m->selfDiscard ? Protocol::SELF_DISCARD : 0);
                    if ($m->groups === [] || $m->endianMismatch) {
                        continue;
                    }
                    $again = Protocol::message($word, $m->sender, $m->groups, $m->type, $m->data);
                    $this->same(bin2hex($v['bytes']), bin2hex($again), $name);
                    $seen++;
                }
            }
        }
        $this->true($seen > 30, "only $seen messages were looked at");
    }

    /** @return list<Event> */
    private static function decode(string $stream, int $size, string $private = '#me#d1', bool $old = false): array
    {
        $d = new Decoder($private, $old);
        $events = [];
        foreach (str_split($stream, $size) as $piece) {
            $d->feed($piece);
            while (($ready = $d->ready()) && ($event = $d->next()) !== null) {
                $events[] = $event;
            }
            if (!$ready && $d->next() !== null) {
                throw new \Exception('not ready, and yet there is an event');
            }
        }
        if ($d->pending() !== 0) {
            throw new \Exception($d->pending() . ' bytes are left');
        }
        return $events;
    }

    /** Writes an event as the notes of the recording do. */
    private static function describe(Event $e): string
    {
        $list = static fn (array $names) => $names === [] ? '[]' : "['" . implode("', '", $names) . "']";
        $id = static fn (ViewId $id) => "($id->daemon, $id->time, $id->index)";
        if ($e instanceof View) {
            $cause = 'CAUSED_BY_' . strtoupper($e->cause->name);
            $sets = implode(', ', array_map($list, $e->sets));
            return "$cause|REG_MEMB from '$e->group' mess_type=0 groups={$list($e->members)} gid={$id($e->id)} sets=[$sets] mine=$e->ownSet";
        }
        if ($e instanceof Transition) {
            return "TRANSITION from '$e->group' mess_type=0 groups=[] gid={$id($e->id)}";
        }
        if ($e instanceof SelfLeave) {
            return "CAUSED_BY_LEAVE from '$e->group' mess_type=0 groups=[]";
        }
        $m = $e instanceof Rejected ? $e->message : $e;
        $kind = strtoupper($m->service->name ?? '');
        $groups = $m->groups;
        if ($e instanceof Rejected) {
            $groups[] = $m->sender;
            $kind = match ($e->request) {
                Request::Join => 'CAUSED_BY_JOIN',
                Request::Leave => 'CAUSED_BY_LEAVE',
                Request::Multicast => $kind,
            } . '|REJECT';
        } else {
            $kind .= ($m->selfDiscard ? '|SELF_DISCARD' : '') . ($m->flags ? sprintf('|0x%x', $m->flags) : '');
        }
        return "$kind from '$m->sender' mess_type=$m->type groups={$list($groups)} len=" . strlen($m->data);
    }

    /** @param 'V'|'N' $o the byte order of the daemon */
    private static function frame(string $o, int $type, string $sender, array $groups, string $body, string $hint = "\x80\0\0\x80"): string
    {
        return pack("{$o}a32{$o}", $type | ($o === 'V' ? Protocol::LITTLE_ENDIAN : 0), $sender, count($groups)) . $hint . pack($o, strlen($body))
            . implode('', array_map(static fn ($g) => pack('a32', $g), $groups)) . $body;
    }

    public function testByteOrders(): void
    {
        foreach (['V', 'N'] as $o) {
            [$m] = self::decode(self::frame($o, 0x10, '#a#b', ['g', 'h'], 'data', "\x00\xff\xf9\x00"), 5);
            $this->same(['#a#b', ['g', 'h'], Service::Agreed, -7, 'data', true], [$m->sender, $m->groups, $m->service, $m->type, $m->data, $m->endianMismatch]);
            [$m] = self::decode(self::frame($o, 0x10, '#a#b', ['g'], '', "\x80\xf9\xff\x80"), 5);
            $this->same([-7, false], [$m->type, $m->endianMismatch]);

            $body = pack("{$o}3{$o}2{$o}a32{$o}a32a32", -5, 7, 3, 2, 36, 1, '#x#d2', 2, '#a#d1', '#me#d1');
            [$v] = self::decode(self::frame($o, 0x1800, 'g', ['#x#d2', '#a#d1', '#me#d1'], $body), 100);
            $this->same([-5, 7, 3], [$v->id->daemon, $v->id->time, $v->id->index]);
            $this->same(
                ['g', Cause::Network, 2, null, [['#x#d2'], ['#a#d1', '#me#d1']], 1],
                [$v->group, $v->cause, $v->index, $v->changed, $v->sets, $v->ownSet],
            );

            [$v] = self::decode(self::frame($o, 0x1400, 'g', ['#me#d1'], pack("{$o}3{$o}a32", 1, 2, 3, 1, '#a#d1')), 100, old: true);
            $this->same([Cause::Disconnect, 0, '#a#d1', [['#a#d1']], 0], [$v->cause, $v->index, $v->changed, $v->sets, $v->ownSet]);

            [$t, $s] = self::decode(self::frame($o, 0x2000, 'g', [], pack("{$o}3", 1, 2, -3)) . self::frame($o, 0x200, 'g', [], ''), 100);
            $this->same(['g', -3, 'g'], [$t->group, $t->id->index, $s->group]);

            $word = ($o === 'V' ? Protocol::LITTLE_ENDIAN : 0);
            [$r] = self::decode(
                substr_replace(self::frame($o, 0x400000, '#me#d1', ['g', '#me#d1'], ''), pack($o, 0x100 | $word), 48, 0),
                50,
            );
            $this->same([Request::Join, 0x100, ['g'], null, 0], [$r->request, $r->oldType, $r->message->groups, $r->message->service, $r->message->flags]);
        }
    }

    public function testNamesAreBytes(): void
    {
        $g = "\xff\x80 \n";
        $junk = pack('a32', $g);
        $junk[10] = 'x';
        [$m] = self::decode(substr_replace(self::frame('V', 0x50, '#a#b', ['g'], ''), $junk, 48, 32), 1);
        $this->same([[$g], true, 0], [$m->groups, $m->selfDiscard, $m->flags]);
    }

    public function testForgedMembershipIsData(): void
    {
        [$m] = self::decode(self::frame('V', 0x1004 | 0x40000000, '#a#b', ['g'], 'x'), 99);
        $this->same([Message::class, Service::Fifo, 0x40001000], [$m::class, $m->service, $m->flags]);
    }

    public function testDamage(): void
    {
        $id = pack('V3', 1, 2, 3);
        $all = [
            'groups' => substr_replace(self::frame('V', 1, '#a#b', [], ''), pack('V', 101), 36, 4),
            'negative groups' => substr_replace(self::frame('V', 0x2000, 'g', [], $id), pack('V', -1), 36, 4),
            'data' => substr_replace(self::frame('V', 1, '#a#b', [], ''), pack('V', 144001), 44, 4),
            'negative data' => substr_replace(self::frame('V', 0x1100, 'g', [], ''), pack('V', -1), 44, 4),
            'one mark' => "\x80\0\0\0" . substr(self::frame('V', 1, '#a#b', ['g'], ''), 4),
            'a huge view' => substr_replace(self::frame('V', 0x1100, 'g', [], ''), pack('V', 9 << 20), 44, 4),
            'no cause' => self::frame('V', 0x1000, 'g', [], str_repeat("\0", 56)),
            'two causes' => self::frame('V', 0x1300, 'g', [], str_repeat("\0", 56)),
            'no body' => self::frame('V', 0x1100, 'g', [], ''),
            'an id alone' => self::frame('V', 0x1100, 'g', [], $id),
            'sets' => self::frame('V', 0x1100, 'g', [], $id . pack('V2', 1 << 30, 0)),
            'negative sets' => self::frame('V', 0x1100, 'g', [], $id . pack('V2', -1, 0)),
            'many empty sets' => self::frame('V', 0x1100, 'g', [], $id . pack('V2', 1000, 0) . str_repeat("\0", 4000)),
            'a set' => self::frame('V', 0x1100, 'g', [], $id . pack('V3', 1, 0, 2) . str_repeat("\0", 32)),
            'a negative set' => self::frame('V', 0x1100, 'g', [], $id . pack('V3', 1, 0, -1) . str_repeat("\0", 32)),
            'no own set' => self::frame('V', 0x1100, 'g', [], $id . pack('V3', 1, 4, 1) . str_repeat("\0", 32)),
            'a short transition' => self::frame('V', 0x2000, 'g', [], 'short'),
        ];
        foreach ($all as $what => $bytes) {
            $this->throws(ProtocolException::class, -13, static fn () => self::decode($bytes, 1 << 20));
        }
        $this->throws(ProtocolException::class, -13, static fn () => self::decode(self::frame('V', 0x1100, 'g', [], $id . pack('V', 2) . str_repeat("\0", 32)), 99, old: true));
    }

    public function testDamagedBytesDoNoHarm(): void
    {
        mt_srand(5);
        $streams = [];
        foreach (self::vectors() as $vectors) {
            $messages = array_filter($vectors, static fn ($v) => $v['direction'] === 'D>C' && str_contains($v['notes'], 'groups='));
            $streams[] = substr(implode('', array_column($messages, 'bytes')), 0, 2000);
        }
        $outcomes = [0, 0];
        for ($i = 0; $i < 20000; $i++) {
            $s = $streams[$i % count($streams)];
            for ($k = mt_rand(1, 4); $k > 0 && $s !== ''; $k--) {
                $s[mt_rand(0, strlen($s) - 1)] = chr(mt_rand(0, 3) === 0 ? 0xff : mt_rand(0, 255));
            }
            $d = new Decoder('#me#d1', ($i & 1) === 1);
            $d->feed($s);
            try {
                while ($d->next() !== null) {
                }
                $outcomes[0]++;
            } catch (ProtocolException) {
                $outcomes[1]++;
            }
        }
        $this->true(min($outcomes) > 100, 'both outcomes: ' . json_encode($outcomes));
    }

    public function testMemoryFollowsWhatCame(): void
    {
        $d = new Decoder('#me#d1', false);
        $before = memory_get_usage();
        $d->feed(substr_replace(self::frame('V', 0x1100, 'g', [], ''), pack('V', 8000000), 44, 4));
        $this->same(null, $d->next());
        $this->true(memory_get_usage() - $before < 100000, 'a length alone takes no memory');
    }
}
