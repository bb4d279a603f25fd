"""Tells content words from function words: articles, prepositions, conjunctions, pronouns, auxiliary verbs.

Closed classes of words, written down here; "no" and "not" are among them, since what they deny is the content.
"""

import re

from model.text.stemming import plain

_ENGLISH = """
a an the this that these those such same other another each every either neither both all any some few more most much
many no not nor none
about above across after against along among around as at before behind below beneath beside besides between beyond by
despite during down except for from in inside into like near of off on onto out outside over past per since than
through throughout to toward towards under until unto up upon via with within without
and but or so yet if because although though while whereas when whenever where wherever whether unless once then thus
hence therefore however
i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers herself it its
itself they them their theirs themselves who whom whose which what
am is are was were be been being do does did doing done have has had having will would shall should can could may might
must ought s t d ll re ve
also too very just only again further there here how why ever even still already now
"""
_SPANISH = """
el la los las lo un una unos unas este esta esto estos estas ese esa eso esos esas aquel aquella aquello aquellos
aquellas mismo misma mismos mismas otro otra otros otras cada todo toda todos todas algun alguno alguna algunos algunas
ningun ninguno ninguna mucho mucha muchos muchas poco poca pocos pocas mas menos tan tanto no ni
a al ante bajo con contra de del desde durante en entre excepto hacia hasta mediante para por segun sin sobre tras
y e o u pero sino aunque porque pues que si como cuando donde mientras ademas tambien
yo me mi mis tu te ti se si su sus nos nosotros le les ella ellos ellas usted ustedes ello quien quienes cual cuales
cuyo cuya
es son era eran fue fueron ser sido siendo esta estan estaba estaban estuvo estar estado ha han habia habian haber
habido hay hubo he hemos puede pueden podria podrian debe deben
muy ya solo aun asi aqui alli luego entonces nunca siempre
"""
FUNCTION_WORDS = {"en": frozenset(_ENGLISH.split()), "es": frozenset(_SPANISH.split())}
"""By language, in lower case without accents."""
AROUND = 40
"""Characters on either side that show whether a text is written in capitals throughout."""

_WORD = re.compile(r"[^\W_][^\W_\u0300-\u036f]{0,99}")


def content_part(text: str, start: int, end: int, language: str) -> tuple[int, int] | None:
    """A span of the text without the function words at its ends; None where no content word is in it.

    A word of the list in capitals, where the text around it is not, is an abbreviation: "AS" is aortic stenosis.
    """
    content = [word.span() for word in _WORD.finditer(text, start, end) if not _is_function(text, word, language)]
    if not content:
        return None
    first, last = content[0][0], content[-1][1]
    has_before, has_after = _WORD.search(text, start, first), _WORD.search(text, last, end)
    return first if has_before else start, last if has_after else end


def _is_function(text: str, word: re.Match[str], language: str) -> bool:
    if plain(word[0]) not in FUNCTION_WORDS.get(language, frozenset()):
        return False
    around = text[max(0, word.start() - AROUND) : word.end() + AROUND]
    return not (len(word[0]) > 1 and word[0].isupper() and any(letter.islower() for letter in around))
