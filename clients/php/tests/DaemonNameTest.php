<?php

declare(strict_types=1);

namespace Gospread\Tests;

use Gospread\ConnectException;
use Gospread\Internal\DaemonName;

final class DaemonNameTest extends TestCase
{
    public function testForms(): void
    {
        $forms = [
            '' => [4803, null, null],
            '4803' => [4803, null, null],
            '5811@host.example' => [5811, 'host.example', null],
            '5811@127.0.0.1' => [5811, '127.0.0.1', null],
            '5811@::1' => [5811, '::1', null],
            '5811@[::1]' => [5811, '::1', null],
            '5811 @host' => [5811, 'host', null],
            ' 5811@host junk' => [5811, 'host', null],
            '71347@h' => [5811, 'h', null],
            '99999' => [34463, null, null],
            '-1' => [65535, null, null],
            '+12' => [12, null, null],
            'unix:/run/spread/4803' => [0, null, '/run/spread/4803'],
            'unix:///run/spread/4803' => [0, null, '/run/spread/4803'],
        ];
        foreach ($forms as $name => $want) {
            $d = DaemonName::parse((string) $name);
            $this->same($want, [$d->port, $d->host, $d->path], (string) $name);
        }
    }

    public function testNonsense(): void
    {
        $all = ['x', '@host', '5811junk', '5811@ host', '5811@', '5811@[::1', "5811@a\0b", '5811@a/b', str_repeat('1', 71), 'unix:', 'unix:' . str_repeat('a', 108), '-', ' '];
        foreach ($all as $name) {
            $this->throws(ConnectException::class, -1, static fn () => DaemonName::parse($name));
        }
    }
}
