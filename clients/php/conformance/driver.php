<?php

declare(strict_types=1);

// The driver of the conformance suite: one JSON object a line in, one out.

require __DIR__ . '/../autoload.php';

use Gospread\Cause;
use Gospread\Connection;
use Gospread\Event;
use Gospread\Message;
use Gospread\Rejected;
use Gospread\SelfLeave;
use Gospread\Service;
use Gospread\SpreadException;
use Gospread\Transition;
use Gospread\View;

final class Driver
{
    /** @var array<string, Connection> */
    private array $connections = [];

    /**
     * @param array<string, mixed> $op
     *
     * @return array<string, mixed>
     */
    public function answer(array $op): array
    {
        try {
            return match ($op['op']) {
                'hello' => ['ok' => true, 'language' => 'php', 'client' => '1.0.0', 'features' => ['unix', 'poll', 'any_group', 'unix_path', 'name_free', 'auth']],
                'connect' => $this->connect($op),
                'join' => $this->run(fn () => $this->get($op)->join(bytes($op['group']))),
                'leave' => $this->run(fn () => $this->get($op)->leave(bytes($op['group']))),
                'multicast' => $this->multicast($op),
                'receive' => $this->receive($op),
                'drain' => $this->drain($op),
                'poll' => ['ok' => true, 'bytes' => $this->get($op)->poll()],
                'disconnect' => $this->run(fn () => $this->get($op)->close()),
                'abort' => $this->run(fn () => $this->get($op)->abort()),
                // Nothing is read but in a receive, which is not asked for meanwhile.
                'stall', 'resume', 'exit' => ['ok' => true],
                'receive_into' => self::unsupported('strings have no fixed size in PHP'),
                default => self::unsupported("unknown op $op[op]"),
            };
        } catch (SpreadException $e) {
            return ['ok' => false, 'error' => $e->getCode(), 'text' => $e->getMessage()];
        }
    }

    private function connect(array $op): array
    {
        $c = Connection::connect(
            $op['daemon'],
            bytes($op['name'] ?? ''),
            $op['membership'] ?? true,
            $op['priority'] ?? false,
            ($op['timeout_ms'] ?? 10000) / 1000,
            auth: $op['auth'] ?? ['NULL'],
        );
        $this->connections[$op['c']] = $c;
        $v = $c->daemonVersion;
        return ['ok' => true, 'private_group' => text($c->privateGroup), 'daemon_version' => [$v->major, $v->minor, $v->patch]];
    }

    private function multicast(array $op): array
    {
        $c = $this->get($op);
        $service = Service::class . '::' . ucfirst($op['service']);
        if (!defined($service)) {
            return self::unsupported('a service is a value of an enum that has the six only');
        }
        $service = constant($service);
        $groups = array_map(bytes(...), $op['groups']);
        $data = base64_decode($op['data_b64'] ?? '');
        $sent = 0;
        for ($i = $op['repeat'] ?? 1; $i > 0; $i--) {
            $sent += $c->multicast($service, $groups, $data, $op['type'] ?? 0, $op['self_discard'] ?? false);
        }
        return ['ok' => true, 'sent' => $sent];
    }

    private function receive(array $op): array
    {
        $event = $this->get($op)->receive(($op['timeout_ms'] ?? 5000) / 1000);
        return $event === null ? ['ok' => false, 'error' => 'timeout'] : ['ok' => true, 'message' => self::message($event)];
    }

    private function drain(array $op): array
    {
        $c = $this->get($op);
        $timeout = ($op['timeout_ms'] ?? 5000) / 1000;
        $end = microtime(true) + $timeout;
        $hash = hash_init('sha256');
        $count = $bytes = 0;
        $start = microtime(true);
        while ($count < $op['count']) {
            $m = $c->receive(max(0.0, $end - microtime(true)));
            if ($m === null) {
                break;
            }
            if ($m instanceof Message) {
                $count++;
                $bytes += strlen($m->data);
                hash_update($hash, "$m->sender\0$m->data");
            }
        }
        $answer = ['count' => $count, 'bytes' => $bytes, 'seconds' => microtime(true) - $start, 'digest' => hash_final($hash)];
        return $count < $op['count'] ? $answer + ['ok' => false, 'error' => 'timeout'] : $answer + ['ok' => true];
    }

    private static function message(Event $e): array
    {
        return match (true) {
            $e instanceof Message => ['kind' => 'regular'] + self::data($e),
            $e instanceof View => [
                'kind' => 'membership',
                'group' => text($e->group),
                'cause' => strtolower($e->cause->name),
                'members' => array_map(text(...), $e->members),
                'id' => [$e->id->daemon, $e->id->time, $e->id->index],
                'sets' => array_map(static fn ($set) => array_map(text(...), $set), $e->sets),
                'own_set' => $e->ownSet,
            ] + ($e->cause === Cause::Network ? [] : ['changed' => text($e->changed ?? '')]),
            $e instanceof Transition => ['kind' => 'transition', 'group' => text($e->group), 'id' => [$e->id->daemon, $e->id->time, $e->id->index]],
            $e instanceof SelfLeave => ['kind' => 'self_leave', 'group' => text($e->group)],
            $e instanceof Rejected => ['kind' => 'reject', 'request' => strtolower($e->request->name)] + self::data($e->message),
        };
    }

    private static function data(Message $m): array
    {
        return [
            'service' => strtolower($m->service->name ?? ''),
            'sender' => text($m->sender),
            'groups' => array_map(text(...), $m->groups),
            'type' => $m->type,
            'data_b64' => base64_encode($m->data),
            'endian_mismatch' => $m->endianMismatch,
            'self_discard' => $m->selfDiscard,
        ];
    }

    private function get(array $op): Connection
    {
        return $this->connections[$op['c']] ?? throw new SpreadException(Gospread\ErrorCode::IllegalSession, "no connection $op[c]");
    }

    private function run(\Closure $do): array
    {
        $do();
        return ['ok' => true];
    }

    private static function unsupported(string $reason): array
    {
        return ['ok' => false, 'error' => 'unsupported', 'reason' => $reason];
    }
}

/** Makes the bytes of a name that came as Latin-1 in UTF-8. */
function bytes(string $utf8): string
{
    return preg_replace_callback('/[\xc2\xc3][\x80-\xbf]/', static fn ($m) => chr((ord($m[0][0]) & 3) << 6 | ord($m[0][1]) & 0x3f), $utf8);
}

function text(string $bytes): string
{
    return preg_replace_callback('/[\x80-\xff]/', static fn ($m) => chr(0xc0 | ord($m[0]) >> 6) . chr(0x80 | ord($m[0]) & 0x3f), $bytes);
}

$driver = new Driver();
while (($line = fgets(STDIN)) !== false) {
    $op = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    fwrite(STDOUT, json_encode($driver->answer($op), JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR) . "\n");
    if ($op['op'] === 'exit') {
        break;
    }
}
