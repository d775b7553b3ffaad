#!/usr/bin/perl
# The driver of the conformance suite: one JSON object a line in, one out.

use strict;
use warnings;

use Digest::SHA ();
use FindBin ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes ();

use lib "$FindBin::Bin/../lib";
use Gospread;

my %connection;

my %op = (
    hello      => sub { (language => 'perl', client => '1.0.0', features => ['unix', 'poll', 'any_group', 'unix_path', 'name_free', 'auth']) },
    connect    => \&connect_to,
    join       => sub { get($_[0])->join($_[0]{group}); () },
    leave      => sub { get($_[0])->leave($_[0]{group}); () },
    multicast  => \&multicast,
    receive    => \&receive,
    drain      => \&drain,
    poll       => sub { (bytes => get($_[0])->poll) },
    disconnect => sub { get($_[0])->close; () },
    abort      => sub { get($_[0])->abort; () },
    # Nothing is read but in a receive, which is not asked for meanwhile.
    stall        => sub { () },
    resume       => sub { () },
    exit         => sub { () },
    receive_into => sub { (ok => JSON::PP::false(), error => 'unsupported', reason => 'strings have no fixed size in Perl') },
);

$| = 1;
while (my $line = <STDIN>) {
    # Names are bytes, as characters up to 255.
    my $o = JSON::PP::decode_json($line);
    my $do = $op{ $o->{op} } || sub { (ok => JSON::PP::false(), error => 'unsupported', reason => "unknown op $o->{op}") };
    my %answer;
    if (!eval { %answer = (ok => JSON::PP::true(), $do->($o)); 1 }) {
        die $@ if !Gospread::Error::is($@);
        %answer = (ok => JSON::PP::false(), error => $@->code, text => $@->text);
    }
    print JSON::PP->new->ascii->canonical->encode(\%answer), "\n";
    last if $o->{op} eq 'exit';
}

sub get {
    my ($o) = @_;
    return $connection{ $o->{c} } || Gospread::Error->throw('ILLEGAL_SESSION');
}

sub seconds {
    my ($o, $default) = @_;
    return defined $o->{timeout_ms} ? $o->{timeout_ms} / 1000 : $default;
}

sub bool { return $_[0] ? JSON::PP::true() : JSON::PP::false() }

sub connect_to {
    my ($o) = @_;
    my $c = Gospread->connect(
        $o->{daemon},
        name       => $o->{name},
        membership => exists $o->{membership} ? $o->{membership} : 1,
        priority   => $o->{priority},
        timeout    => seconds($o, 10),
        auth       => $o->{auth},
    );
    $connection{ $o->{c} } = $c;
    return (private_group => $c->private_group, daemon_version => [$c->daemon_version]);
}

sub multicast {
    my ($o) = @_;
    my $c = get($o);
    my $data = decode_base64(defined $o->{data_b64} ? $o->{data_b64} : '');
    my $sent = 0;
    for (1 .. (defined $o->{repeat} ? $o->{repeat} : 1)) {
        $sent += $c->multicast($o->{service}, $o->{groups}, $data, type => $o->{type} || 0, self_discard => $o->{self_discard});
    }
    return (sent => $sent);
}

sub receive {
    my ($o) = @_;
    my $event = get($o)->receive(seconds($o, 5));
    return $event ? (message => as_hash($event)) : (ok => JSON::PP::false(), error => 'timeout');
}

sub drain {
    my ($o) = @_;
    my $c = get($o);
    my $start = Time::HiRes::time();
    my $end = $start + seconds($o, 5);
    my $sha = Digest::SHA->new(256);
    my ($count, $bytes) = (0, 0);
    while ($count < $o->{count}) {
        my $left = $end - Time::HiRes::time();
        my $m = $c->receive($left > 0 ? $left : 0) or last;
        next if !$m->is_message;
        $count++;
        $bytes += length $m->data;
        $sha->add($m->sender, "\0", $m->data);
    }
    return (
        $count < $o->{count} ? (ok => JSON::PP::false(), error => 'timeout') : (),
        count => $count, bytes => $bytes, seconds => Time::HiRes::time() - $start, digest => $sha->hexdigest,
    );
}

sub as_hash {
    my ($e) = @_;
    return { kind => 'regular', data_of($e) } if $e->is_message;
    return { kind => 'reject', request => $e->request, data_of($e->message) } if $e->is_rejected;
    return { kind => 'self_leave', group => $e->group } if $e->is_self_leave;
    return { kind => 'transition', group => $e->group, id => $e->id } if $e->is_transition;
    return {
        kind => 'membership',
        map({ $_ => $e->$_ } qw(group cause members id sets own_set)),
        defined $e->changed ? (changed => $e->changed) : (),
    };
}

sub data_of {
    my ($m) = @_;
    return (
        map({ $_ => $m->$_ } qw(service sender groups type)),
        data_b64 => encode_base64($m->data, ''),
        map({ $_ => bool($m->$_) } qw(endian_mismatch self_discard)),
    );
}
