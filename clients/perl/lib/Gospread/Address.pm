package Gospread::Address;

# Where a daemon is to be found, as programs name it (client protocol 1.4). Internal.

use strict;
use warnings;

use Gospread::Error;

our $VERSION = '1.000';

use constant MAX_LENGTH => 70;

# parse(name): a hash of port, and host if it is not this machine, or of path.
sub parse {
    my ($name) = @_;
    if ($name =~ s{\Aunix:(?://)?}{}) {
        _illegal($name, 'write unix:/path/of/the/socket, of at most 107 bytes') if $name !~ /\A[^\0]{1,107}\z/;
        return { path => $name };
    }
    $name = '4803' if $name eq '';
    _illegal($name, 'it must not be longer than ' . MAX_LENGTH . ' bytes') if length $name > MAX_LENGTH;
    my ($sign, $digits, $rest) = $name =~ /\A[ \t\n\x0b\f\r]*([+-]?)([0-9]+)[ \t\n\x0b\f\r]*([^ \t\n\x0b\f\r]*)/
        or _illegal($name, 'write PORT or PORT@HOST, such as 4803@localhost');
    # The port counts modulo 65536, whatever its length.
    my $port = 0;
    $port = ($port * 10 + $_) & 0xffff for split //, $digits;
    $port = -$port & 0xffff if $sign eq '-';
    return { port => $port } if $rest eq '';
    my ($host) = $rest =~ /\A\@(.+)\z/s or _illegal($name, 'write PORT@HOST without blanks, or just PORT for this machine');
    $host =~ s/\A\[(.*)\]\z/$1/s;
    _illegal($name, 'its host is neither a name nor an address') if $host !~ /\A[A-Za-z0-9._:%-]+\z/;
    return { port => $port, host => $host };
}

sub _illegal {
    my ($name, $why) = @_;
    $name =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
    Gospread::Error->throw(ILLEGAL_SPREAD => "daemon name \"$name\": $why");
}

1;
