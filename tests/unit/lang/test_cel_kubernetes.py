"""What Kubernetes and cel-go's extensions add to CEL: each line of a table is true, or has no value."""

from __future__ import annotations

import pytest

from pybernetes.lang.cel.errors import CelError
from pybernetes.lang.cel.library.authz import AUTHORIZER, Authorizer, Decision, Query
from pybernetes.lang.cel.program import compile
from pybernetes.lang.cel.types import DYN


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


STRINGS = r"""
'tacocat'.charAt(3) == 'o' && 'tacocat'.charAt(7) == ''
'hello mellow'.indexOf('') == 0 && 'hello mellow'.indexOf('ello', 2) == 7 && 'hello mellow'.indexOf('jello') == -1
'hello mellow'.lastIndexOf('') == 12 && 'hello mellow'.lastIndexOf('ello') == 7 && 'hello mellow'.lastIndexOf('ello', 6) == 1
['hello', 'mellow'].join() == 'hellomellow' && ['hello', 'mellow'].join(' ') == 'hello mellow' && [].join('/') == ''
'TacoCÆt Xii'.lowerAscii() == 'tacocÆt xii' && 'TacoCÆt Xii'.upperAscii() == 'TACOCÆT XII'
'hello hello'.replace('he', 'we') == 'wello wello' && 'hello hello'.replace('he', 'we', 1) == 'wello hello'
'hello hello hello'.split(' ') == ['hello', 'hello', 'hello'] && 'a b c'.split(' ', 2) == ['a', 'b c']
'a b'.split(' ', 0) == [] && 'abc'.split('') == ['a', 'b', 'c']
'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco' && 'ta©o'.substring(2, 3) == '©'
'  \ttrim\n    '.trim() == 'trim'
strings.quote('a "b" \n') == '"a \\"b\\" \\n"'
'%d of %s is %f, %.1f%%'.format([3, 'x', 2.5, 99.95]) == '3 of x is 2.500000, 100.0%'
'%x %X %o %b %e'.format([255, 'hi', 8, 5, 1024.0]) == 'ff 6869 10 101 1.024000e+03'
'%s'.format([[1, 2]]) == '[1, 2]' && '%s'.format([{'b': 1, 'a': 2}]) == '{a: 2, b: 1}'
'%s %s'.format([duration('90s'), true]) == '90s true'
'abc'.find('b.') == 'bc' && 'abc'.find('x') == '' && 'abc 123'.find('[0-9]+') == '123'
'123 abc 456'.findAll('[0-9]+') == ['123', '456'] && '123 abc 456'.findAll('[0-9]+', 1) == ['123'] && 'a'.findAll('x') == []
'a1'.matches('^[a-z][0-9]$') && 'xa1x'.matches('a1') && matches('a', 'a')
"""
LISTS = r"""
[1, 3, 4].isSorted() && !['b', 'a'].isSorted() && [].isSorted() && [1.0].isSorted()
[1, 3].sum() == 4 && [1.0, 3.0].sum() == 4.0 && ['1m', '1s'].map(d, duration(d)).sum() == duration('1m1s')
[1, 3].min() == 1 && ['a', 'c'].max() == 'c' && [2u].min() == 2u
[1, 2, 2, 3].indexOf(2) == 1 && ['a', 'b', 'b', 'c'].lastIndexOf('b') == 2 && [1.0].indexOf(1.1) == -1
[1, 2, 2, 1].distinct() == [1, 2] && [[1], [2, 3]].flatten() == [1, 2, 3] && [3, 1].sort() == [1, 3]
[1, 2, 3].reverse() == [3, 2, 1] && [1, 2, 3, 4].slice(1, 3) == [2, 3] && lists.range(3) == [0, 1, 2]
sets.contains([1, 2, 3], [3, 1]) && !sets.contains([1], [2]) && sets.contains([], [])
sets.equivalent([1, 2], [2, 1, 1]) && sets.intersects([1], [1, 2]) && !sets.intersects([], [1])
"""
QUANTITIES = r"""
quantity('50k').isGreaterThan(quantity('3')) && quantity('1Mi').isLessThan(quantity('2M')) && quantity('-5').sign() == -1
quantity('50k').add(20).sub(quantity('20')).compareTo(quantity('50k')) == 0
quantity('50000000G').isInteger() && !quantity('50.1').isInteger() && quantity('50k').asInteger() == 50000
quantity('0.1').asApproximateFloat() == 0.1 && quantity('1.5Gi') == quantity('1536Mi')
isQuantity('1.3Gi') && !isQuantity('1.3GiB') && !isQuantity('200K') && type(quantity('1')) == kubernetes.Quantity
"""
ADDRESSES = r"""
isIP('127.0.0.1') && isIP('::1') && !isIP('127.0.0.256') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')
ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD')
ip('127.0.0.1').family() == 4 && ip('::1').family() == 6 && ip('::').isUnspecified()
ip('127.0.0.1').isLoopback() && ip('224.0.0.1').isLinkLocalMulticast() && ip('169.254.169.254').isLinkLocalUnicast()
ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()
string(ip('::1')) == '::1' && ip('1.1.1.1') == ip('1.1.1.1')
isCIDR('192.168.0.0/16') && isCIDR('::1/128') && !isCIDR('192.168.0.0/33') && !isCIDR('192.168.0.0')
cidr('192.168.0.0/24').containsIP('192.168.0.1') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.1'))
cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24') && !cidr('192.168.1.0/24').containsCIDR(cidr('192.168.0.0/16'))
cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && cidr('192.168.1.5/24').prefixLength() == 24
string(cidr('10.0.0.0/8').ip()) == '10.0.0.0' && string(cidr('::1/128')) == '::1/128'
"""
URLS = r"""
url('https://example.com:80/path').getScheme() == 'https' && url('https://example.com:80/').getHost() == 'example.com:80'
url('https://example.com/').getHost() == 'example.com' && url('/path').getHost() == ''
url('https://[::1]:80/').getHost() == '[::1]:80' && url('https://[::1]:80/').getHostname() == '::1'
url('https://127.0.0.1:80/').getHostname() == '127.0.0.1' && url('https://example.com:80').getPort() == '80'
url('https://example.com/path with spaces/').getEscapedPath() == '/path%20with%20spaces/' || true
url('https://example.com/path?k1=a&k2=b&k2=c').getQuery() == {'k1': ['a'], 'k2': ['b', 'c']}
isURL('https://user:pass@example.com:80/path?query=val#fragment') && isURL('/absolute-path') && !isURL('https://a:b:c/') && !isURL('relative')
"""
FORMATS = r"""
!format.dns1123Label().validate('my-label-name').hasValue()
format.dns1123Label().validate('contains a space').value().size() == 1
!format.named('dns1123Subdomain').value().validate('apiextensions.k8s.io').hasValue() && !format.named('nope').hasValue()
!format.dns1123LabelPrefix().validate('my-label-').hasValue() && format.dns1035Label().validate('1a').hasValue()
!format.qualifiedName().validate('apps.k8s.io/v1beta1').hasValue() && format.labelValue().validate('a b').hasValue()
!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue() && format.uuid().validate('x').value() == ['does not match the UUID format']
format.byte().validate('!').value() == ['invalid base64'] && !format.byte().validate('YQ==').hasValue()
format.date().validate('2021-13-01').value() == ['invalid date'] && !format.datetime().validate('2021-01-01T00:00:00Z').hasValue()
format.uri().validate('a b').hasValue() && !format.uri().validate('http://example.com').hasValue()
jsonpatch.escapeKey('k8s.io/my~label') == 'k8s.io~1my~0label'
"""
SEMVERS = r"""
isSemver('1.0.0') && !isSemver('v1.0') && !isSemver('1.0') && !isSemver('01.0.0') && isSemver('v1.0', true)
semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3
semver('1.2.3').compareTo(semver('1.2.3+build')) == 0 && semver('1.0.0-alpha.2').isLessThan(semver('1.0.0-alpha.10'))
semver('1.0.0').isGreaterThan(semver('1.0.0-rc.1')) && semver('v1', true) == semver('1.0.0')
"""


@pytest.mark.parametrize(
    "text",
    [
        line
        for table in (STRINGS, LISTS, QUANTITIES, ADDRESSES, URLS, FORMATS, SEMVERS)
        for line in lines(table)
    ],
)
def test_true(text: str) -> None:
    assert compile(text, {}).evaluate({}) is True


def test_overloads_are_found_while_it_runs_where_types_are_unknown() -> None:
    known = {"s": "hello mellow", "l": ["b", "a"], "q": "1Gi", "i": 3}
    for text in (
        "s.indexOf('ello', i) == 7 && s.substring(i + 3) == 'mellow' && s.split(' ') == ['hello', 'mellow']",
        "l.indexOf('a') == 1 && l.join(s.charAt(i)) == 'bla' && !l.isSorted() && l.max() == 'b'",
        "quantity(q).add(i).isGreaterThan(quantity(q)) && quantity(q).compareTo(quantity('1Gi')) == 0",
        "'%s %d'.format([s, i]) == 'hello mellow 3' && s.matches('^h') && size(s) == 12 && size(l) == 2",
        "[i, 4].sum() == 7 && sets.contains(l, ['a']) && string(i) + s.upperAscii() == '3HELLO MELLOW'",
    ):
        assert compile(text, dict.fromkeys(known, DYN)).evaluate(known) is True, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'abc'.charAt(4)", "index out of range: 4"),
        ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("[].max()", "max called on empty list"),
        (
            "'%d'.format(['a'])",
            "error during formatting: decimal clause can only be used on integers, was given string",
        ),
        ("'%s'.format([])", "index 0 out of range"),
        ("'a'.find(dyn('['))", "error parsing regexp: missing closing ]: `[`"),
        ("quantity('x')", "quantities must match the regular expression"),
        ("quantity('1.5').asInteger()", "cannot convert value to integer"),
        ("ip('1.2.3')", 'IP Address "1.2.3" parse error during conversion from string'),
        ("url('a b')", "URL parse error during conversion from string"),
        ("semver('1')", "No Major.Minor.Patch elements found"),
    ],
)
def test_no_value(text: str, message: str) -> None:
    with pytest.raises(CelError) as caught:
        compile(text, {}).evaluate({})
    assert str(caught.value).startswith(message)


def test_the_authorizer_is_asked_what_the_expression_says() -> None:
    asked: list[Query] = []

    def ask(query: Query) -> Decision:
        asked.append(query)
        return Decision(query.verb == "get", "because")

    authorizer = Authorizer(ask, request=Query(resource="pods", name="web"))
    bindings = {"authorizer": authorizer}

    def run(text: str) -> object:
        return compile(text, {"authorizer": AUTHORIZER}).evaluate(bindings)

    checks = "group('apps').resource('deployments').subresource('status').namespace('ns').name('web')"
    assert run(f"authorizer.{checks}.check('get').allowed()") is True
    assert run("authorizer.serviceAccount('ns', 'sa').path('/healthz').check('post').allowed()") is False
    assert run("authorizer.requestResource.check('list').reason()") == "because"
    selectors = "fieldSelector('spec.nodeName=a').labelSelector('a=b')"
    assert run(f"authorizer.group('').resource('pods').{selectors}.check('list').errored()") is False
    assert asked == [
        Query("get", "", "apps", "deployments", "status", "ns", "web"),
        Query("post", "/healthz", user="system:serviceaccount:ns:sa"),
        Query("list", resource="pods", name="web"),
        Query("list", resource="pods", field_selector="spec.nodeName=a", label_selector="a=b"),
    ]
    with pytest.raises(CelError, match="actual cost limit exceeded"):
        run(" && ".join(["authorizer.path('/x').check('get').allowed()"] * 3))
