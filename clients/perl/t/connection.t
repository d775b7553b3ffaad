# What happens with daemons that are slow, gone or out of their minds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use SpreadTest;
use Test::More;
use Time::HiRes;

use Gospread;

for my $ahead (1, 0) {
    my $me = sub { Gospread->connect($_[0], name => 'me', read_ahead => $ahead, @_[1 .. $#_]) };
    my $m = wire('hello');
    note "read_ahead $ahead";

    my $c = $me->(accepting([[send => substr $m, 0, 75], [read => 80], [send => substr $m, 75], ['hang']]));
    is($c->receive(0.05), undef, 'nothing in time');
    is($c->receive(0), undef, 'nothing at once');
    for (1 .. 10_000) { # it comes from another process
        last if $c->poll >= 75;
        Time::HiRes::sleep(0.001);
    }
    is($c->poll, 75, 'what is there of it');
    is($c->ready, 0, 'not ready');
    $c->join('g');
    is($c->receive(10)->data, 'hello', 'nothing is lost by it');

    $c = $me->(accepting([[trickle => wire('one') . wire('')], ['hang']]));
    is_deeply([$c->receive(10)->data, $c->receive(10)->data], ['one', ''], 'byte by byte');

    my $d = accepting([[send => wire('one') . wire('two') . substr wire('half'), 0, 50]]);
    $c = $me->($d);
    finished($d);
    is($c->receive->data, 'one', 'what came before the loss');
    cmp_ok($c->poll, '>', 80, 'there is more');
    is($c->receive->data, 'two', 'and the next');
    for (1 .. 2) {
        dies { $c->receive } 'CONNECTION_CLOSED';
        dies { $c->receive(0) } 'CONNECTION_CLOSED';
        dies { $c->poll } 'CONNECTION_CLOSED';
        dies { $c->join('g') } 'CONNECTION_CLOSED';
        dies { $c->multicast(safe => 'g', '') } 'CONNECTION_CLOSED';
        is($c->ready, 1, 'an error is ready');
        ok(defined $c->fileno, 'the descriptor stays, at its end');
    }
    $c->close for 1 .. 2;
    dies { $c->receive } 'ILLEGAL_SESSION';
    dies { $c->poll } 'ILLEGAL_SESSION';
    dies { $c->leave('g') } 'ILLEGAL_SESSION';
    is($c->fileno, undef, 'no descriptor');

    $d = accepting([[send => wire('one')]]);
    $c = $me->($d);
    finished($d);
    dies { $c->multicast(fifo => 'g', 'x' x 100000) for 1 .. 1000 } 'CONNECTION_CLOSED', 'sending to nobody';
    is($c->receive->data, 'one', 'what had arrived comes before the error');
    dies { $c->receive } 'CONNECTION_CLOSED';

    $c = $me->(accepting([[send => wire('one') . "\xff" x 48], ['hang']]));
    is($c->receive->data, 'one', 'before nonsense');
    for (1 .. 2) {
        dies { $c->receive } 'ILLEGAL_MESSAGE';
        dies { $c->join('g') } 'ILLEGAL_MESSAGE';
    }
    vec(my $bits = '', $c->fileno, 1) = 1;
    is(select($bits, undef, undef, 10), 1, 'an event loop notices');
    # The damage is in the body.
    $c = $me->(accepting([[send => wire('', type => 0x1100, groups => [])], ['hang']]));
    dies { $c->receive } 'ILLEGAL_MESSAGE' for 1 .. 2;

    $c = $me->(accepting([['stop']]), send_timeout => 0.1);
    my $sent = 0;
    my $e = eval { $c->multicast(fifo => 'g', 'x' x 1000), $sent++ while 1 } || $@;
    cmp_ok($sent, '>', 10, "$sent messages went into the buffers");
    like($e->name, qr/^(CONNECTION_CLOSED|WOULD_BLOCK)$/, 'a daemon that takes nothing');

    $c = $me->(accepting([[read => 80], ['stop']]));
    my $start = Time::HiRes::time();
    $c->close(0.05);
    cmp_ok(Time::HiRes::time() - $start, '<', 5, 'close waits no longer than told');

    $c = $me->(accepting([['hang']]));
    local $SIG{ALRM} = sub { die "alarm\n" };
    Time::HiRes::alarm(0.05);
    is(eval { $c->receive; 1 } || $@, "alarm\n", 'a handler of a signal dies');
    is($c->receive(0), undef, 'the connection is as it was');
    local $SIG{ALRM} = sub { $c->close(0) };
    Time::HiRes::alarm(0.05);
    dies { $c->receive } 'ILLEGAL_SESSION', 'a handler of a signal closes';
}

{
    # The daemon reads nothing until all that it has to say is taken.
    my ($count, $data) = (300, 'y' x 30000);
    my $c = Gospread->connect(accepting([[send => wire($data), $count / 10], [read => $count * 30080], [send => wire('end')], ['hang']]), name => 'me');
    $c->multicast(fifo => 'g', $data) for 1 .. $count;
    my $whole = grep { $c->receive(10)->data eq $data } 1 .. $count / 10;
    is($whole, $count / 10, 'both send at once');
    is($c->receive(10)->data, 'end', 'all is taken');
}

{
    my $d = accepting([[read => 144000 + 112]]);
    my $c = Gospread->connect($d, name => 'me');
    for my $group ('', 'g' x 32, 'a b', "\x80", 'a#b', "g\n", undef) {
        dies { $c->join($group) } 'ILLEGAL_GROUP';
        dies { $c->leave($group) } 'ILLEGAL_GROUP';
    }
    dies { $c->multicast(safe => $_, '') } 'ILLEGAL_GROUP' for '', undef, 'g' x 32, "a\0", [], [('g') x 101], ['g', ''];
    dies { $c->multicast($_ => 'g', '') } 'ILLEGAL_SERVICE' for 'SAFE', '', undef, 0, 3, 64;
    dies { $c->multicast(safe => 'g', 'x' x 143921) } 'MESSAGE_TOO_LONG';
    dies { $c->multicast(safe => ['g', 'h'], 'x' x 143889) } 'MESSAGE_TOO_LONG';
    like(eval { $c->multicast(safe => 'g', '', type => 32768) } || $@, qr/32768.* at .*connection\.t/, 'a wrong type');
    like(eval { $c->multicast(safe => 'g', '', typ => 1) } || $@, qr/no option typ at .*connection\.t/, 'a wrong option');
    like(eval { $c->multicast(safe => 'g', "\x{100}") } || $@, qr/encode .* at .*connection\.t/, 'characters that are no bytes');
    my ($latin, $group) = ("\xe9", "g\xe9");
    utf8::upgrade($_) for $latin, $group;
    is($c->multicast(safe => $group, $latin), 1, 'characters that are bytes');
    is($c->multicast(0x20 => 'g', 'x' x 143920, type => -32768), 143920, 'the longest');
}
{
    my $d = accepting([[read => 81]]);
    Gospread->connect($d, name => 'me')->multicast(safe => "g\xe9", do { my $s = "\xe9"; utf8::upgrade($s); $s });
    is(substr(finished($d), -33), pack('a32', "g\xe9") . "\xe9", 'they go as bytes');
}

done_testing;
