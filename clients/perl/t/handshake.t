use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Socket qw(SOCK_STREAM AF_UNIX pack_sockaddr_un);
use SpreadTest;
use Test::More;
use Time::HiRes;

use Gospread;

my $NULL = "\5NULL ";

sub me { return Gospread->connect($_[0], name => 'me') }

{
    my $d = accepting([]);
    my $c = me($d);
    is($c->private_group . " @{[ $c->daemon_version ]} " . $c->name . ' ' . $c->daemon_name, '#me#d1 5 0 1 me d1', 'who we are');
    is(finished($d), "\5\0\1\1\2me" . pack('a90', 'NULL'), 'what we say');
    $d = fake([[read => 5], [send => $NULL], [read => 90], [send => "\1\5\0\1\2#x"]]);
    $c = Gospread->connect($d, membership => 0, priority => 1);
    is(substr(finished($d), 0, 5), "\5\0\1\x10\0", 'without a name, with priority');
    is_deeply([$c->private_group, $c->name, $c->daemon_name], ['#x', 'x', undef], 'an odd private group');
}

{
    my $leave = pack 'V a32 V V V', 0x80000280, 'g', 0, 0x80000080, 0;
    my $d = fake([[read => 7], [trickle => $NULL], [read => 90], [trickle => "\1\5\0\1\6#me#d1$leave"]]);
    is(me($d)->receive(10)->group, 'g', 'byte by byte');
    $d = fake([[read => 7], [send => $NULL], [read => 90], [send => "\1\5\0\1\6#me#d1$leave$leave"]]);
    my $c = me($d);
    is_deeply([$c->receive(10)->group, $c->receive(10)->group], ['g', 'g'], 'messages right behind the accept');
}

for my $code (-3, -4, -5, -6, -7, -9) {
    my $byte = chr($code & 0xff);
    my $name = Gospread::Error::name_of($code);
    dies { me(fake([[read => 7], [send => $byte]])) } $name;
    dies { me(fake([[read => 7], [send => $NULL], [read => 90], [send => $byte]])) } $name, "$name after the choice";
    # Unread input and all: a reset.
    dies { me(fake([[send => $byte]])) } $name, "$name at once";
}
dies { me(fake([[read => 7], [send => "\0\xf7"]])) } 'REJECT_AUTH', 'no method at all';

for my $byte ("\x80", "\xf8", "\xfe", "\xff", "\xf6") {
    dies { me(fake([[read => 7], [send => $byte]])) } 'CONNECTION_CLOSED', sprintf '%02x is no refusal', ord $byte;
}
dies { me(fake([[read => 7], [send => $NULL], [read => 90], [send => "\2"]])) } 'CONNECTION_CLOSED', 'neither accept nor refusal';
for my $private ("\x20" . 'a' x 32, "\0") {
    dies { me(fake([[read => 7], [send => $NULL], [read => 90], [send => "\1\5\0\1$private"]])) } 'CONNECTION_CLOSED', 'a private group of no length that it can have';
}

my @steps = ([read => 7], [send => "\5N"], [send => 'ULL '], [read => 90], [send => "\1\5"], [send => "\0\1\6#m"]);
for my $n (0 .. @steps) {
    dies { me(fake([@steps[0 .. $n - 1]])) } 'CONNECTION_CLOSED', "broken off after $n steps";
}

for my $steps ([], [[send => "\5N"]], [[send => $NULL], [read => 90], [send => "\1\5"]]) {
    my $d = fake([[read => 7], @$steps, ['hang']]);
    my $start = Time::HiRes::time();
    dies { Gospread->connect($d, name => 'me', timeout => 0.1) } 'CONNECTION_CLOSED', 'silence';
    cmp_ok(Time::HiRes::time() - $start, '<', 5, 'the timeout holds');
}

sub offering { return fake([[read => 7], [send => chr(length $_[0]) . $_[0]], [read => 90], [send => "\1\5\0\1\6#me#d1"]]) }

for (['NULL IP ' => 'NULL'], ['IP NULL ' => 'NULL'], ['IP ' => 'IP'], ['NULL IP ' => 'NULL', 'IP']) {
    my ($list, @auth) = @$_;
    my $d = offering($list);
    Gospread->connect($d, name => 'me', auth => \@auth);
    is(substr(finished($d), 7), pack('a30 a60', @auth, ''), "@auth of the methods $list");
}
for (['IP ' => 'NULL'], ['PWORD ' => 'NULL'], ['NULL ' => 'NULL', 'IP']) {
    my ($list, @auth) = @$_;
    dies { Gospread->connect(offering($list), name => 'me', auth => \@auth) } 'REJECT_AUTH', "@auth, but the daemon has $list";
    like($@->text, qr/: $list?/, 'what there is is named');
}
for my $auth ([], [''], [undef], ['A B'], ['A' x 30], ['A' .. 'D']) {
    dies { Gospread->connect('1@127.0.0.1', name => 'me', auth => $auth) } 'REJECT_AUTH', 'no such method is possible';
}

for my $version ("\2\x09\0", "\0\0\0", "\x80\0\0", "\5\xff\0") {
    dies { me(accepting([], $version)) } 'REJECT_VERSION', 'an impossible release';
}
is_deeply([me(accepting([], "\3\1\0"))->daemon_version], [3, 1, 0], 'an old release');

{
    my $dir = File::Temp->newdir;
    socket my $server, AF_UNIX, SOCK_STREAM, 0 or die $!;
    bind $server, pack_sockaddr_un("$dir/5811") or die $!;
    listen $server, 5 or die $!;
    # Nobody answers, but somebody takes the connection.
    dies { Gospread->connect('5811', timeout => 0.1, socket_dirs => ['/nonexistent', "$dir"]) } 'CONNECTION_CLOSED', 'the socket of the second directory';
    accept my $c, $server or die $!;
    sysread $c, my $hello, 100;
    is($hello, "\5\0\1\1\0", 'it is the one');
}

done_testing;
