# Deutsch.

direction = ltr
language = Deutsch
error-prefix = Fehler:
help = Brauchen Sie Hilfe?
request-id = Anfrage-Nummer: { $id }
moment = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
  } { $year }, { $time } Uhr ({ $zone })
device = { $browser } unter { $system }
device-unknown = Unbekanntes Gerät
try-again = Noch einmal versuchen
sign-in-again = Anmelden
back-to-portal = Zurück zum Portal
copy = Kopieren
copied = Kopiert
nav-label = Portal
nav-you = Sie
nav-devices = Geräte
nav-tools = Werkzeuge

## Anmelden

logon-title = Anmelden
logon-lead = um von diesem Gerät aus ins Internet zu gehen.
logon-lead-place = dann geht es weiter zu
logon-account = Konto
logon-hint = Zum Beispiel { $example }
logon-continue = Anmelden
logon-next = Als Nächstes kommt die Anmeldeseite Ihrer Organisation. Ihr Kennwort geben Sie dort ein, nicht hier.
logon-or = oder
logon-guest = Als Gast fortfahren
logon-which = Welchen Namen gebe ich ein?
logon-which-lead = Jeden Namen, unter dem Ihre Organisation Sie kennt, zusammen mit der Domäne:

mistake-empty = Geben Sie Ihren Kontonamen ein, zum Beispiel { $example }.
mistake-too-long = Der Name ist zu lang für einen Kontonamen. Er sieht aus wie { $example }.
mistake-no-domain = Die Domäne fehlt. Geben Sie den ganzen Namen ein, zum Beispiel { $example }.
mistake-no-account = Der Name vor der Domäne fehlt. Geben Sie den ganzen Namen ein, zum Beispiel { $example }.
mistake-bad-domain = Der Teil, der Ihre Organisation nennt, ist keine gültige Domäne. Der ganze Name sieht aus wie { $example }.
mistake-bad-character = Der Name enthält ein Zeichen, das in keinem Kontonamen vorkommt. Er sieht aus wie { $example }.
mistake-not-enabled = Die Anmeldung mit dieser Domäne ist noch nicht eingeschaltet. Ihr Helpdesk weiß, wann es so weit ist.
mistake-unknown-domain = Für diese Domäne ist das Portal nicht zuständig. Prüfen Sie die Schreibweise; der ganze Name sieht aus wie { $example }.
mistake-unclear = In dieser Form kann der Name hier nicht verwendet werden. Geben Sie den Namen ein, mit dem Sie sich bei Ihrem Arbeitskonto anmelden, etwa { $example }.

note-expired = Dieser Verweis ist älter als eine Stunde, deshalb ist die gewünschte Adresse nicht mehr bekannt. Melden Sie sich an und öffnen Sie sie dann noch einmal.
note-broken = Die gewünschte Adresse war nicht lesbar. Melden Sie sich an und öffnen Sie sie dann noch einmal.
note-form-expired = Diese Seite war lange geöffnet. Bitte wählen Sie noch einmal Anmelden.
note-form-foreign = Zu Ihrer Sicherheit wurde nichts gesendet, weil das Formular nicht von dieser Seite kam. Bitte wählen Sie noch einmal Anmelden.
note-no-cookie = Ihr Browser hat das Cookie dieser Seite nicht behalten, und ohne geht die Anmeldung nicht. Erlauben Sie Cookies für diese Seite und wählen Sie dann Anmelden.
note-unsent = Ihr Formular wurde nicht gesendet, weil Sie nicht angemeldet waren. Nach der Anmeldung erfahren Sie, wie Sie es absenden.
note-expired-signed-in = Sie sind angemeldet. Der Verweis ist älter als eine Stunde, deshalb ist die gewünschte Adresse nicht mehr bekannt: Öffnen Sie sie noch einmal.
note-other-client = Sie sind angemeldet. Dieser Link wurde für ein anderes Gerät oder eine andere Verbindung erstellt und führt deshalb nicht weiter: Öffnen Sie die gewünschte Adresse noch einmal.
note-used = Diese Anmeldung wurde schon benutzt oder hat zu lange gedauert. Bitte beginnen Sie hier noch einmal.
note-tile = Die Kachel hat Sie hierher geführt, denn Anmeldungen beginnen auf dieser Seite. Geben Sie Ihren Kontonamen ein: Wenn Sie bei Ihrer Organisation schon angemeldet sind, werden Sie nichts weiter gefragt.
note-unsolicited = Sie haben sich über die Anwendungsliste Ihrer Organisation angemeldet. Wenn das nicht Ihr Konto ist, melden Sie sich hier ab.
note-welcome-back = Sie sind bereits angemeldet. Es ist nichts weiter nötig.
note-other-person = Sie haben sich als { $asserted } angemeldet, aber { $typed } eingegeben. Wenn Sie das nicht sind, melden Sie sich hier ab.

## Angemeldet

signed-in-title = Sie sind angemeldet
signed-in-lead = als
signed-in-go-on = Weiter zu { $place }
signed-in-account = Ihr Konto
signed-in-name = Konto
signed-in-since = Angemeldet seit
signed-in-until = Angemeldet bis
signed-in-devices = Wo Sie angemeldet sind
signed-in-here = Dieses Gerät
signed-in-device-since = seit { $moment }
signed-in-more = und { $count } weitere
sign-out-here = Hier abmelden
sign-out-there = Dort abmelden
sign-out-everywhere = Überall abmelden
certificate-link = Dieses Gerät einrichten: Zertifikat installieren

signed-in-left = Ihre Sitzung endet in { $hours } Std. { $minutes } Min.
signed-in-renew = Jetzt verlängern
connected-back = Sie können zu Ihrer Seite zurückkehren.
connected-reload = Sie lädt in ihrem Tab von selbst neu. Wenn nicht, laden Sie sie dort neu. Diese Seite können Sie schließen.
connected-account = Ihr Konto und Ihre Geräte
connected-visit = Ihr Besuch
signed-in-guest-title = Sie sind als Gast unterwegs
signed-in-guest-lead = Manche Seiten sind vielleicht nur für Personen mit Konto.
signed-in-as-guest = als Gast
guest-visit = Ihr Besuch
guest-since = Seit
guest-until = Bis
guest-end = Besuch beenden
guest-left = Ihr Besuch endet in { $hours } Std. { $minutes } Min.
guest-renew = Länger bleiben

guest-title = Als Gast fortfahren
guest-lead = um das Internet ohne Konto zu nutzen.
guest-terms = Nutzungsbedingungen
guest-accept = Ich habe die Bedingungen gelesen und nehme sie an.
guest-missing = Um als Gast fortzufahren, nehmen Sie die Bedingungen an.
guest-facts = Haben Sie hier ein Konto?
guest-account = Mit Ihrem Konto anmelden

signed-out-title = Sie sind abgemeldet
signed-out-lead = Was Sie ab jetzt öffnen, wird nicht mehr mit Ihrem Namen verbunden.
signed-out-everywhere = Keines Ihrer Geräte ist mehr angemeldet.
signed-out-here = Dieser Server hat Sie abgemeldet und bleibt dabei. Den Speicher, den er mit anderen Servern teilt, erreicht er zurzeit nicht: Sie folgen, sobald er wieder da ist. Bis dahin könnte jemand mit den alten Cookies dieses Browsers an einem anderen Server weitermachen.
signed-out-fleetingly = Dieser Server hat Sie abgemeldet, kann das aber zurzeit nicht festhalten: Weder sein Speicher noch seine Festplatte nimmt es an. Andere Server und Neustarts folgen, sobald der Speicher wieder da ist. Melden Sie sich später sicherheitshalber noch einmal ab, und sagen Sie der Hilfe Bescheid.
signed-out-guest-title = Ihr Besuch ist beendet
signed-out-guest-lead = Dieses Gerät wird nicht mehr als Gast durchgelassen.
signed-out-provider-too = Auch auf der Anmeldeseite Ihrer Organisation sind Sie abgemeldet.
signed-out-provider-unconfirmed = Die Anmeldeseite Ihrer Organisation hat nicht bestätigt, dass Sie auch dort abgemeldet sind. Schließen Sie auf einem gemeinsam genutzten Computer alle Browserfenster.
signed-out-provider = Auf der Anmeldeseite Ihrer Organisation sind Sie vielleicht noch angemeldet. Schließen Sie an einem gemeinsam genutzten Rechner auch alle Browserfenster.

## Durch eine Regel gesperrt

denied-title = Diese Seite ist gesperrt
denied-lead = ist hier nicht erlaubt.
denied-rule = Gesperrt durch
denied-blocked-list = Die Liste gesperrter Seiten
denied-default = Keine Regel erlaubt diese Seite
denied-unidentified = Diese Seite ist nur für angemeldete Personen
denied-offline = Zurzeit kann sich niemand anmelden, und für diese Seite ist das nötig
denied-user = Angemeldet als
denied-as-guest = Gast
denied-next = Wenn Sie die Seite für Ihre Arbeit brauchen, fragen Sie Ihren Helpdesk und nennen Sie ihm die Regel und die Anfrage-Nummer.
denied-review-lead = Wenn Sie die Seite für Ihre Arbeit brauchen, können Sie um ihre Freigabe bitten.
denied-review = Freigabe anfragen
denied-pass = Ansehen, was nötig ist
denied-pass-lead = Eine Regel verlangt vorher etwas von Ihnen.
denied-ask = Helpdesk fragen
denied-guest = Sie sind als Gast unterwegs, und manche Seiten sind nur für Personen mit Konto.
denied-mail-subject = Gesperrte Seite: { $site }
denied-mail =
    Seite: { $site }
    Gesperrt durch: { $rule }
    Anfrage-Nummer: { $id }

## Ein Formular, das nicht gesendet wurde

handover-sign-in = Weiter zur Anmeldung
handover-sign-out = Weiter zur Abmeldung
handover-lead = Das geht von selbst weiter. Wenn nicht, drücken Sie die Schaltfläche.
handover-continue = Weiter

unsent-title = Ihr Formular wurde nicht gesendet
unsent-lead = Sie waren nicht angemeldet, als Sie ein Formular gesendet haben an
unsent-lead-halted = Eine Regel hat das Formular angehalten, das Sie gesendet haben an
unsent-what = Was nicht gesendet wurde
unsent-method = ein Formular ({ $method })
unsent-where = Wohin
unsent-next = Nichts davon hat die Seite erreicht. Kehren Sie mit der Zurück-Taste des Browsers zum Formular zurück, oder gehen Sie weiter zur Seite, und senden Sie es noch einmal: Jetzt sind Sie angemeldet, und es kommt an. Die meisten Browser wissen noch, was Sie eingegeben haben.
unsent-next-halted = Nichts davon hat die Seite erreicht. Kehren Sie mit der Zurück-Taste des Browsers zum Formular zurück, oder gehen Sie weiter zur Seite, und senden Sie es noch einmal: Jetzt kommt es an. Die meisten Browser wissen noch, was Sie eingegeben haben.
unsent-go-on = Weiter zu { $place }

## Cookies

cookies-title = Ihr Browser behält unser Cookie nicht
cookies-lead = Sie sind angemeldet, aber die Seite kommt ohne das Cookie zurück, an dem wir das erkennen.
cookies-steps =
    Erlauben Sie Cookies für diese Seite, mindestens bis Sie den Browser schließen.
    Schalten Sie Erweiterungen ab, die Cookies entfernen, oder machen Sie für diese Seite eine Ausnahme.
    Wenn Sie ein privates Fenster benutzen, versuchen Sie es mit einem normalen.
contradict-title = Das Cookie einer anderen Seite ist im Weg
contradict-lead = Sie sind angemeldet, aber eine andere Seite hat auch für diese hier ein Cookie mit dem Namen des unseren gesetzt, und beide widersprechen sich. Wir haben versucht, es zu entfernen.
contradict-steps =
    Löschen Sie in den Einstellungen Ihres Browsers die Cookies dieser Seite und der übergeordneten Domain.
    Öffnen Sie die Seite noch einmal.
    Geschieht es wieder, setzt eine Seite dieser Domain das Cookie immer neu: Nennen Sie Ihrem Helpdesk die Adresse dieser Seite.

## Was auf dem Weg zu einer Seite schiefging

problem-why = Warum das geschieht
problem-next = Was Sie tun können

error-name-not-found = Diese Seite wurde nicht gefunden
    .what = Es gibt keine Seite mit diesem Namen.
    .why = Der Name ist vielleicht falsch geschrieben, oder die Seite ist umgezogen oder geschlossen.
    .next = Prüfen Sie die Schreibweise der Adresse. Wenn sie stimmt, versuchen Sie es in einigen Minuten noch einmal.
error-refused = Die Seite antwortet nicht
    .what = Der Rechner der Seite hat die Verbindung abgelehnt.
    .why = Die Seite ist vielleicht außer Betrieb, oder unter dieser Adresse und diesem Port läuft nichts.
    .next = Versuchen Sie es in einigen Minuten noch einmal. Ist nur diese Seite betroffen, muss ihr Betreiber sie instand setzen.
error-timed-out = Die Seite hat zu lange gebraucht
    .what = Die Seite hat nicht rechtzeitig geantwortet.
    .why = Die Seite ist vielleicht überlastet oder außer Betrieb, oder das Netz dorthin ist langsam.
    .next = Versuchen Sie es in einigen Minuten noch einmal.
error-certificate = Die Seite konnte sich nicht ausweisen
    .what = Das Zertifikat der Seite ist nicht gültig, deshalb wurde nichts an sie gesendet.
    .why = Das Zertifikat ist vielleicht abgelaufen oder für einen anderen Namen ausgestellt, oder jemand gibt sich für diese Seite aus.
    .next = Senden Sie nichts an diese Seite. Versuchen Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid, wenn es so bleibt.
error-certificate-expired = Die Seite konnte sich nicht ausweisen
    .what = Das Zertifikat der Seite ist abgelaufen, deshalb wurde nichts an sie gesendet.
    .why = Der Betreiber der Seite hat das Zertifikat nicht rechtzeitig erneuert, oder jemand zeigt ein altes vor.
    .next = Senden Sie nichts an diese Seite. Versuchen Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid, wenn es so bleibt.
error-certificate-not-yet = Die Seite konnte sich nicht ausweisen
    .what = Das Zertifikat der Seite ist noch nicht gültig, deshalb wurde nichts an sie gesendet.
    .why = Der Betreiber der Seite benutzt ein Zertifikat zu früh, oder eine Uhr geht falsch.
    .next = Senden Sie nichts an diese Seite. Versuchen Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid, wenn es so bleibt.
error-certificate-name = Die Seite konnte sich nicht ausweisen
    .what = Das Zertifikat der Seite ist für einen anderen Namen ausgestellt, deshalb wurde nichts an sie gesendet.
    .why = Die Adresse ist vielleicht vertippt, die Seite falsch eingerichtet, oder jemand gibt sich für diese Seite aus.
    .next = Senden Sie nichts an diese Seite. Versuchen Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid, wenn es so bleibt.
error-certificate-issuer = Die Seite konnte sich nicht ausweisen
    .what = Für das Zertifikat der Seite bürgt niemand, dem der Proxy vertraut, deshalb wurde nichts an sie gesendet.
    .why = Die Seite hat sich das Zertifikat vielleicht selbst ausgestellt, wie innerhalb mancher Firmen, oder jemand gibt sich für diese Seite aus.
    .next = Senden Sie nichts an diese Seite. Versuchen Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid, wenn es so bleibt.
error-certificate-revoked = Die Seite konnte sich nicht ausweisen
    .what = Das Zertifikat der Seite wurde widerrufen, deshalb wurde nichts an sie gesendet.
    .why = Sein Schlüssel ist vielleicht in den Händen von jemandem, der sich für diese Seite ausgibt.
    .next = Senden Sie nichts an diese Seite. Versuchen Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid, wenn es so bleibt.
error-unreachable = Die Seite ist nicht erreichbar
    .what = Es gibt keinen Weg durch das Netz zu dieser Seite.
    .why = Die Seite oder ein Netz auf dem Weg dorthin ist vielleicht ausgefallen.
    .next = Versuchen Sie andere Seiten. Wenn keine geht, sagen Sie Ihrem Helpdesk Bescheid; sonst versuchen Sie es in einigen Minuten noch einmal.
error-connection-lost = Die Verbindung ist abgebrochen
    .what = Die Seite hat die Verbindung beendet, bevor die Antwort vollständig war.
    .why = Die Seite wurde vielleicht neu gestartet, oder ein Netz auf dem Weg ist ausgefallen.
    .next = Versuchen Sie es noch einmal.
error-bad-answer = Die Antwort der Seite war nicht verständlich
    .what = Die Seite hat etwas gesendet, das keine gültige Antwort ist.
    .why = Die Software der Seite ist fehlerhaft, oder unter der Adresse läuft etwas anderes als eine Webseite.
    .next = Prüfen Sie die Adresse. Wenn sie stimmt, muss der Betreiber der Seite den Fehler beheben.
error-not-allowed = Diese Adresse ist nicht erlaubt
    .what = Der Name führt zu einer internen oder besonderen Adresse oder zum Rechner des Proxys selbst, und dorthin verbindet der Proxy nicht.
    .itself = Das ist eine interne oder besondere Adresse oder eine des Rechners, auf dem der Proxy läuft, und dorthin verbindet der Proxy nicht.
    .why = Das schützt das Netz, in dem der Proxy läuft.
    .next = Wenn Sie diese Adresse für Ihre Arbeit brauchen, fragen Sie Ihren Helpdesk und nennen Sie ihm die Anfrage-Nummer.
error-direct = Sie sind nicht angemeldet und können hier nicht gefragt werden
    .what = Browser erreichen diese Adresse ohne den Proxy, deshalb fragt der Proxy für sie niemanden nach der Anmeldung.
    .why = Sonst könnte jemand anderes mit einem Link dorthin für Sie gehalten werden.
    .next = Verwenden Sie die Proxy-Konfigurationsdatei Ihrer Organisation: Ihr Browser öffnet diese Adresse dann direkt. Oder öffnen Sie zuerst eine öffentliche Seite, melden Sie sich dort an und kommen Sie zurück.
error-port-not-allowed = Port { $port } ist nicht erlaubt
    .what = Der Proxy verbindet nicht zu Port { $port }.
    .why = Nur die üblichen Ports von Webseiten sind offen, denn andere dienen oft dazu, den Schutz zu umgehen.
    .next = Prüfen Sie die Adresse. Wenn Sie diesen Port für Ihre Arbeit brauchen, fragen Sie Ihren Helpdesk und nennen Sie ihm die Anfrage-Nummer.
error-parent = Ein anderer Proxy auf dem Weg ist nicht verfügbar
    .what = Dieser Proxy erreicht die Seite über einen anderen Proxy, und der lässt sich gerade nicht benutzen.
    .why = Der andere Proxy ist vielleicht außer Betrieb, oder seine Einstellungen passen nicht zu unseren.
    .next = Versuchen Sie es in einigen Minuten noch einmal. Bleibt es so, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
error-parent-denied = Ein anderer Proxy auf dem Weg erlaubt diese Seite nicht
    .what = Dieser Proxy erreicht die Seite über einen anderen Proxy, und der verbindet nicht dorthin.
    .why = Der andere Proxy hat eigene Regeln.
    .next = Wenn Sie diese Seite für Ihre Arbeit brauchen, fragen Sie Ihren Helpdesk und nennen Sie ihm die Anfrage-Nummer.
error-loop = Die Anfrage kam zum Proxy zurück
    .what = Die Anfrage war schon einmal hier.
    .why = Zwei Proxys senden sich Anfragen gegenseitig zu, oder die Adresse ist die des Proxys selbst.
    .next = Nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Das muss in den Einstellungen berichtigt werden.
error-too-large = Die Anfrage ist zu groß
    .what = Die Anfrage oder ihr Kopf ist größer, als der Proxy annimmt.
    .why = Das kann an sehr vielen oder sehr großen Cookies einer Seite liegen.
    .next = Löschen Sie die Cookies dieser Seite und versuchen Sie es noch einmal.
error-bad-request = Die Anfrage war nicht verständlich
    .what = Ihr Browser oder Programm hat etwas gesendet, das keine gültige Anfrage ist.
    .why = Das Programm ist vielleicht fehlerhaft, oder die Adresse ist falsch geschrieben.
    .next = Prüfen Sie die Adresse und versuchen Sie es noch einmal.
error-busy = Der Proxy ist ausgelastet
    .what = Im Augenblick gibt es zu viele Anfragen.
    .why = Viele Menschen benutzen den Proxy, oder dieses Gerät sendet sehr viele Anfragen.
    .next = Warten Sie eine Minute und versuchen Sie es dann noch einmal.
error-exhausted = Sie haben eine Grenze erreicht
    .what = Eine Regel Ihrer Organisation begrenzt, wie viel Sie davon benutzen dürfen.
    .why = In den letzten Augenblicken waren es mehr Anfragen, als diese Regel erlaubt, oder es waren zu viele Verbindungen zugleich offen.
    .next = Warten Sie ein wenig und versuchen Sie es dann noch einmal. Wenn es oft geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
error-malware = In dieser Datei wurde Schadsoftware gefunden
    .what = Was Sie öffnen wollten, wurde nicht weitergegeben, weil ein Virenscanner darin Schadsoftware gefunden hat.
    .why = Der Scanner nennt sie { $threat }. Eine solche Datei kann Ihr Gerät beschädigen oder seine Daten an Fremde senden.
    .next = Versuchen Sie nicht, die Datei auf anderem Weg zu bekommen. Wenn Sie sie für Ihre Arbeit brauchen oder dies für einen Irrtum halten, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
error-malware-upload = In dem, was Sie senden wollten, wurde Schadsoftware gefunden
    .what = Es wurde nichts gesendet, weil ein Virenscanner darin Schadsoftware gefunden hat.
    .why = Der Scanner nennt sie { $threat }. Die Datei auf Ihrem Gerät ist möglicherweise infiziert.
    .next = Öffnen Sie die Datei nicht und geben Sie sie nicht weiter. Nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Ihr Gerät sollte untersucht werden.
error-scanner-failed = Es konnte nicht auf Schadsoftware geprüft werden
    .what = Es wurde nicht weitergegeben, weil Ihre Organisation es zuerst auf Schadsoftware prüfen lässt und der Virenscanner nicht erreichbar ist.
    .why = Der Scanner wurde vielleicht neu gestartet oder hat zu viel zu tun.
    .next = Versuchen Sie es in einigen Minuten erneut. Wenn es so bleibt, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
error-too-long-to-scan = Es ist zu groß, um auf Schadsoftware geprüft zu werden
    .what = Es wurde nicht weitergegeben, weil Ihre Organisation es zuerst auf Schadsoftware prüfen lässt und es größer ist, als der Virenscanner annimmt.
    .why = Was niemand geprüft hat, könnte alles Mögliche enthalten.
    .next = Wenn Sie es für Ihre Arbeit brauchen, fragen Sie Ihren Helpdesk und nennen Sie die Anfrage-Nummer.
error-part-not-scanned = Ein Teil einer Datei lässt sich nicht auf Schadsoftware prüfen
    .what = Es wurde nicht weitergegeben, weil Ihr Programm nur einen Teil einer Datei verlangt hat und der Virenscanner die ganze sehen muss.
    .why = An einem Teil einer Datei lässt sich Schadsoftware nicht erkennen.
    .next = Laden Sie die ganze Datei neu herunter und setzen Sie keinen abgebrochenen Download fort.
error-coding-not-scanned = Es ist so komprimiert, dass es nicht auf Schadsoftware geprüft werden kann
    .what = Es wurde nicht weitergegeben, weil Ihre Organisation es zuerst auf Schadsoftware prüfen lässt und die Website es so komprimiert, dass der Virenscanner es nicht entpacken kann.
    .why = Was niemand geprüft hat, könnte alles Mögliche enthalten. Ein neuer Versuch hilft nicht, solange die Website so antwortet.
    .next = Wenn Sie es für Ihre Arbeit brauchen, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
error-internal = Hier ist etwas schiefgegangen
    .what = Der Proxy konnte die Anfrage nicht zu Ende führen.
    .why = Der Fehler liegt bei uns, nicht bei Ihnen.
    .next = Versuchen Sie es noch einmal. Wenn es wieder geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.

## Was im Portal schiefging

sign-in-refused = Die Anmeldung wurde nicht angenommen
    .what = Die Antwort der Anmeldeseite konnte nicht angenommen werden, deshalb sind Sie nicht angemeldet.
    .why = Die Antwort wurde vielleicht schon benutzt, hat zu lange gedauert oder gehört nicht zu diesem Browser.
    .next = Beginnen Sie noch einmal. Wenn es wieder geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
sign-in-clock = Zwei Uhren gehen verschieden
    .what = Die Antwort der Anmeldeseite trägt eine Zeit in der Zukunft, deshalb sind Sie nicht angemeldet.
    .why = Die Uhr dieses Portals oder die der Anmeldeseite geht falsch. Auf die Uhr Ihres Geräts kommt es nicht an.
    .next = Nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Eine Uhr muss gestellt werden.
sign-in-too-late = Die Anmeldung hat zu lange gedauert
    .what = Die Antwort der Anmeldeseite gilt nicht mehr, deshalb sind Sie nicht angemeldet.
    .why = Die Seite war lange offen, oder eine alte Antwort wurde noch einmal gesendet.
    .next = Beginnen Sie noch einmal. Wenn es sofort wieder geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Vielleicht geht eine Uhr falsch.
sign-in-other-person = Sie haben sich mit einem anderen Konto angemeldet
    .what = Das Konto auf der Anmeldeseite ist nicht das, das Sie hier eingegeben haben, deshalb sind Sie nicht angemeldet.
    .why = Auf der Anmeldeseite Ihrer Organisation war noch ein anderes Konto angemeldet.
    .next = Beginnen Sie noch einmal und wählen Sie auf der Anmeldeseite das richtige Konto. In einem privaten Fenster ist kein anderes Konto angemeldet.
proof-other-person = Sie haben sich mit einem anderen Konto angemeldet
    .what = Das Konto auf der Anmeldeseite ist nicht das, das hier angemeldet ist. Es hat sich nichts geändert.
    .why = Diese Seite verlangt, dass die hier angemeldete Person noch einmal zeigt, wer sie ist.
    .next = Beginnen Sie noch einmal und wählen Sie das Konto, das hier angemeldet ist. Wenn Sie das nicht sind, melden Sie sich zuerst im Portal ab.
proof-not-anew = Die Anmeldeseite hat Sie nicht noch einmal gefragt
    .what = Sie sind weiter angemeldet, aber die gewünschte Seite verlangt eine frische Anmeldung, und das war keine.
    .why = Die Anmeldeseite Ihrer Organisation hat mit einer früheren Anmeldung geantwortet, statt Sie zu fragen.
    .next = Beginnen Sie noch einmal. Wenn es wieder geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
sign-in-not-asked = Die Anmeldeseite hat Sie nicht gefragt
    .what = Sie sind nicht angemeldet, weil hier jede Anmeldung eine frische sein muss, und das war keine.
    .why = Die Anmeldeseite Ihrer Organisation hat mit einer früheren Anmeldung geantwortet, statt Sie zu fragen.
    .next = Beginnen Sie noch einmal. Wenn es wieder geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Für diesen Realm gilt force_authn, und die Anmeldeseite richtet sich nicht danach.
sign-in-other-way = Sie haben sich auf andere Weise angemeldet, als hier verlangt wird
    .what = Die Anmeldung hat geklappt, aber nicht mit der Art von Nachweis, die Ihre Organisation hier verlangt, deshalb sind Sie nicht angemeldet.
    .why = Zum Beispiel nur mit einem Passwort, wo ein zweiter Faktor verlangt wird, oder mit einem Schlüssel, wo ein Passwort verlangt wird.
    .next = Beginnen Sie noch einmal und wählen Sie auf der Anmeldeseite eine andere Weise. Wenn es keine gibt, nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Die verlangten Weisen stehen in authn_context dieses Realms oder der Regel, die sie verlangt.
sign-in-foreign-name = Ihr Konto gehört zu einer anderen Domäne
    .what = Die Anmeldung hat geklappt, aber der Name, der zurückkam, gehört zu keiner Domäne, für die diese Anmeldeseite sprechen darf. Deshalb sind Sie nicht angemeldet.
    .why = Jede Anmeldeseite darf nur Leute ihrer eigenen Domänen nennen. Sonst könnte eine Organisation ihre Leute für die einer anderen ausgeben.
    .next = Beginnen Sie noch einmal mit der Adresse Ihrer eigenen Organisation. Wenn es mit diesem Konto gehen soll, nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Ein Administrator kann die Domäne in domains dieses Realms aufnehmen, oder für Gäste in foreign_names.
sign-in-no-name = Die Anmeldeseite hat nicht gesagt, wer Sie sind
    .what = Die Anmeldung hat geklappt, aber die Antwort enthält keinen Namen, den dieses Portal verwenden kann. Deshalb sind Sie nicht angemeldet.
    .why = Der Anspruch, der Sie benennt, fehlt, ist leer, hat mehrere Werte oder ist bei jeder Anmeldung ein anderer.
    .next = Noch einmal zu beginnen hilft nicht. Nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Ein Administrator sieht mit vestibule test-sso, welcher Anspruch es ist, und kann ihn beim Identitätsanbieter oder in identity_claims dieses Realms richtigstellen.
sign-in-other-tenant = Ihr Konto gehört zu einem anderen Mandanten
    .what = Die Anmeldung hat geklappt, aber nicht mit einem Konto des Mandanten, der hier verlangt wird. Deshalb sind Sie nicht angemeldet.
    .why = Der Anspruch, der den Mandanten Ihres Kontos nennt, fehlt oder nennt einen anderen.
    .next = Beginnen Sie noch einmal und wählen Sie ein Konto dieser Organisation. Wenn es eines war, nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Der Mandant steht in require_tenant dieses Realms.
sign-in-foreign = Diese Anmeldung wurde nicht in diesem Browser begonnen
    .what = Sie sind nicht angemeldet, weil die Anmeldung nicht hier begann.
    .why = Der Verweis wurde in einem anderen Browser geöffnet, die Cookies wurden inzwischen gelöscht, oder jemand hat Ihnen den Verweis geschickt.
    .next = Beginnen Sie in diesem Browser noch einmal.
sign-out-refused = Die Abmeldung wurde nicht angenommen
    .what = Eine Nachricht über eine Abmeldung konnte nicht angenommen werden. Hier hat sich nichts geändert.
    .why = Die Nachricht kann zu alt sein, nicht von der Anmeldeseite Ihrer Organisation kommen oder nicht diesen Browser betreffen.
    .next = Gehen Sie zurück zum Portal. Wenn Sie dort noch angemeldet sind, melden Sie sich dort ab.
sign-in-occupied = In diesem Browser ist jemand anderes angemeldet
    .what = Die Seite Ihrer Organisation wollte Sie hier anmelden, aber dieser Browser gehört gerade zu einem anderen Konto.
    .why = Niemand soll unbemerkt unter einem anderen Namen surfen.
    .next = Gehen Sie zum Portal, melden Sie sich dort ab und versuchen Sie es noch einmal.
test-link = Dieser Link kann nicht benutzt werden
    .what = Der Link zum Anmeldetest wurde schon benutzt, ist älter als 15 Minuten oder wurde nicht für dieses Portal gemacht.
    .why = Wer einen solchen Link hat, kann den Test einmal beginnen.
    .next = Lassen Sie mit dem Befehl vestibule test-sso einen neuen Link machen und öffnen Sie ihn in diesem Browser.
provider-not-assigned = Ihr Konto hat noch keinen Zugang
    .what = Die Anmeldung hat geklappt, aber Ihr Konto darf diesen Proxy nicht benutzen.
    .why = Zuerst muss ein Administrator Ihr Konto dieser Anwendung zuweisen (AADSTS50105).
    .next = Bitten Sie Ihren Administrator oder Helpdesk um Zugang und versuchen Sie es dann noch einmal.
provider-no-session = Bitte melden Sie sich noch einmal an
    .what = Die Anmeldeseite kannte Sie nicht mehr.
    .why = Sie sollte Sie ohne Rückfrage anmelden, aber es gab keine frühere Anmeldung.
    .next = Beginnen Sie noch einmal und melden Sie sich an.
provider-cancelled = Die Anmeldung wurde abgebrochen
    .what = Die Anmeldeseite wurde verlassen, bevor die Anmeldung fertig war, deshalb sind Sie nicht angemeldet.
    .why = Jemand hat Abbrechen gewählt oder der Rückfrage der Seite nicht zugestimmt.
    .next = Beginnen Sie noch einmal, wann immer Sie möchten.
provider-locked = Ihr Konto kann sich nicht anmelden
    .what = Die Anmeldeseite sagt, dass Ihr Konto gesperrt, abgeschaltet oder unbekannt ist.
    .why = Das geschieht nach vielen falschen Kennwörtern, oder wenn ein Administrator das Konto abgeschaltet hat.
    .next = Fragen Sie Ihren Administrator oder Helpdesk.
provider-policy = Ihre Organisation erlaubt diese Anmeldung nicht
    .what = Eine Regel Ihrer Organisation hat die Anmeldung verhindert.
    .why = Sie verlangt vielleicht ein verwaltetes Gerät, einen anderen Ort oder einen weiteren Nachweis, wer Sie sind.
    .next = Versuchen Sie es von einem Gerät, das Ihre Organisation verwaltet, oder fragen Sie Ihren Helpdesk.
provider-misconfigured = Die Anmeldung ist nicht richtig eingerichtet
    .what = Die Anmeldeseite Ihrer Organisation nimmt Anfragen dieses Portals nicht an.
    .why = Die Einstellungen der beiden passen nicht zusammen. Sie haben nichts falsch gemacht.
    .next = Nennen Sie Ihrem Helpdesk die Anfrage-Nummer und die Zeile darüber.
provider-unknown = Dieses Portal kann Sie nicht zu Ihrer Anmeldeseite schicken
    .what = Dieses Portal hat im Moment keine gültigen Angaben über die Anmeldeseite Ihrer Organisation. Deshalb kann sich niemand anmelden.
    .why = Die Angaben konnten noch nicht geholt werden, oder die Zeit, für die sie galten, ist vorbei. Die Anmeldeseite Ihrer Organisation wurde nicht gefragt.
    .next = Versuchen Sie es in einigen Minuten noch einmal. Wenn es so bleibt, nennen Sie Ihrem Helpdesk die Anfrage-Nummer: Die Metadaten dieses Realms müssen erneuert werden.
provider-failed = Die Anmeldung hat nicht geklappt
    .what = Die Anmeldeseite Ihrer Organisation hat mit einem Fehler geantwortet.
    .why = Der Grund steht unten, wenn sie einen genannt hat.
    .next = Beginnen Sie noch einmal. Wenn es wieder geschieht, nennen Sie Ihrem Helpdesk die Anfrage-Nummer.
portal-busy = Zu viele Anmeldungen im Augenblick
    .what = Das Portal kann im Augenblick keine weiteren Anmeldungen annehmen.
    .why = In kurzer Zeit gab es sehr viele Versuche.
    .next = Warten Sie eine Minute und versuchen Sie es dann noch einmal.
ended-here = Auf diesem Server ist es beendet
    .what = Was Sie beendet haben, bleibt auf diesem Server beendet. Andere Server folgen etwas später.
    .why = Dieser Server erreicht zurzeit den Speicher nicht, den er mit ihnen teilt. Er sagt es ihnen, sobald der Speicher wieder da ist.
    .next = Sie müssen nichts weiter tun.
ended-fleetingly = Auf diesem Server ist es beendet, fürs Erste
    .what = Was Sie beendet haben, ist auf diesem Server vorbei, bis er anhält.
    .why = Weder der Speicher noch die Festplatte dieses Servers nimmt es zurzeit an. Startet der Server vorher neu, kommt es zurück.
    .next = Beenden Sie es später noch einmal, und sagen Sie Ihrem Helpdesk Bescheid.
portal-away = Im Augenblick kann sich niemand anmelden
    .what = Das Portal kann gerade keine neue Sitzung beginnen. Wer schon angemeldet ist, kann weitermachen.
    .why = Der Teil des Systems, der sich merkt, wer angemeldet ist, antwortet nicht.
    .next = Warten Sie ein paar Minuten und versuchen Sie es dann noch einmal. Wenn es länger dauert, weiß Ihr Helpdesk mehr.
portal-form = Das Formular wurde nicht angenommen
    .what = Es wurde nichts geändert, denn das Formular kam nicht von der Seite dieses Portals oder war zu alt.
    .why = Das schützt Sie vor Seiten, die in Ihrem Namen Knöpfe drücken.
    .next = Gehen Sie zurück zum Portal und drücken Sie dort auf den Knopf.
portal-not-found = Diese Seite gibt es nicht
    .what = Das Portal hat unter dieser Adresse keine Seite.
    .why = Die Adresse ist vielleicht falsch geschrieben, oder der Verweis ist alt.
    .next = Gehen Sie zurück zum Portal.
portal-too-large = Die Nachricht ist zu groß
    .what = Was gesendet wurde, ist größer, als das Portal annimmt.
    .why = Kein Formular dieses Portals ist so groß.
    .next = Gehen Sie zurück zum Portal und beginnen Sie noch einmal.

## Das Zertifikat

certificate-title = Dieses Gerät einrichten
certificate-lead = Manche Seiten erreichen Sie nur, wenn dieses Gerät der Zertifizierungsstelle des Proxys vertraut: die Anmeldung vor https-Seiten und Seiten, die sagen, warum etwas gesperrt ist.
certificate-this = Das Zertifikat
certificate-name = Name
certificate-until = Gültig bis
certificate-fingerprint = SHA-256-Fingerabdruck
certificate-compare = Vergleichen Sie den Fingerabdruck, bevor Sie ihm vertrauen, mit dem, den Ihr Helpdesk Ihnen auf anderem Weg nennt.
certificate-trusted = Dieser Browser vertraut der Zertifizierungsstelle.
certificate-trusted-next = Hier ist nichts weiter nötig. Die Schritte unten sind für andere Geräte und Browser.
certificate-unknown = Dieser Browser vertraut der Zertifizierungsstelle noch nicht.
certificate-unknown-next = Folgen Sie den Schritten unten und laden Sie diese Seite dann neu. Bleibt es dabei, benutzt der Browser vielleicht den Proxy nicht.
certificate-der = Für Windows, macOS und Android herunterladen
certificate-pem = Für Linux und Firefox herunterladen (PEM)
certificate-profile = Für iPhone, iPad und Mac herunterladen (Profil)
certificate-several = Eine Zertifizierungsstelle löst bald eine andere ab. Installieren Sie beide Zertifikate, damit dieses Gerät dem Proxy durchgehend vertraut.
certificate-install = So installieren Sie es

system-windows = Windows
    .steps =
        Laden Sie die erste Datei herunter und öffnen Sie sie.
        Wählen Sie „Zertifikat installieren“, dann „Aktueller Benutzer“ (oder „Lokaler Computer“ für alle an diesem Rechner).
        Wählen Sie „Alle Zertifikate in folgendem Speicher speichern“, dann „Vertrauenswürdige Stammzertifizierungsstellen“.
        Schließen Sie ab, bestätigen Sie den Fingerabdruck und starten Sie den Browser neu.
system-macos = macOS
    .steps =
        Laden Sie die erste Datei herunter und öffnen Sie sie. Die Schlüsselbundverwaltung fügt sie dem Schlüsselbund „Anmeldung“ hinzu.
        Doppelklicken Sie dort darauf, öffnen Sie „Vertrauen“ und stellen Sie „Bei Verwendung dieses Zertifikats“ auf „Immer vertrauen“.
        Schließen Sie das Fenster und geben Sie Ihr Kennwort ein.
system-ios = iPhone und iPad
    .steps =
        Öffnen Sie diese Seite in Safari und laden Sie das Profil. Erlauben Sie das Laden.
        Öffnen Sie in den Einstellungen „Allgemein“, dann „VPN und Geräteverwaltung“, wählen Sie das Profil und installieren Sie es.
        Öffnen Sie in den Einstellungen „Allgemein“, „Info“, „Zertifikatsvertrauenseinstellungen“ und schalten Sie das volle Vertrauen ein.
system-android = Android
    .steps =
        Laden Sie die erste Datei herunter.
        Suchen Sie in den Einstellungen nach „CA-Zertifikat“, oder öffnen Sie „Sicherheit“, „Verschlüsselung und Anmeldedaten“, „Zertifikat installieren“.
        Wählen Sie „CA-Zertifikat“, bestätigen Sie und wählen Sie die geladene Datei. Die Menüs heißen bei jedem Hersteller etwas anders.
system-debian = Linux: Debian und Ubuntu
    .steps =
        Laden Sie die PEM-Datei (bei zweien beide) herunter und führen Sie in ihrem Ordner aus:
        $ for file in authority*.pem; do sudo cp "$file" "/usr/local/share/ca-certificates/$file.crt"; done
        $ sudo update-ca-certificates
        Chromium hat einen eigenen Speicher:
        $ for file in authority*.pem; do certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "$file" -i "$file"; done
system-fedora = Linux: Fedora und Red Hat
    .steps =
        Laden Sie die PEM-Datei (bei zweien beide) herunter und führen Sie in ihrem Ordner aus:
        $ sudo cp authority*.pem /etc/pki/ca-trust/source/anchors/
        $ sudo update-ca-trust
system-firefox = Firefox, auf jedem System
    .steps =
        Laden Sie die PEM-Datei herunter. Gibt es zwei, gilt dies für beide.
        Öffnen Sie in den Einstellungen „Datenschutz & Sicherheit“, „Zertifikate“, „Zertifikate anzeigen“ und den Reiter „Zertifizierungsstellen“.
        Wählen Sie „Importieren“, dann die Datei, und kreuzen Sie „Dieser CA vertrauen, um Websites zu identifizieren“ an.

## Geräte mit eigenem Namen

devices-title = Ihre Geräte
devices-lead = Ein Gerät, das den Proxy mit einem eigenen Namen anspricht, wird auch dort als Ihres erkannt, wo mehrere Leute eine Adresse teilen, und dafür wird nichts entschlüsselt.
devices-none = Sie haben noch kein solches Gerät.
devices-used = zuletzt benutzt { $moment }
devices-unused = noch nicht benutzt
devices-places = gilt in { $places }
devices-until = endet { $moment }, wenn Sie sich nicht vorher darauf anmelden
devices-signed-out = dort anmelden
devices-again = Neue Adresse
devices-remove = Entfernen
devices-wire = Der Name ist auf dem Weg zum Proxy lesbar, deshalb gilt er nur in Netzen, in denen Sie ihn benutzt haben. In einem anderen werden Sie einmal um die Anmeldung gebeten.
devices-full = Sie haben so viele Geräte, wie eine Person haben darf: Entfernen Sie eines, bevor Sie ein weiteres hinzufügen.
devices-removed = Das Gerät ist entfernt. Wer seinen Namen benutzt, wird um die Anmeldung gebeten.
devices-make = Gerät hinzufügen
devices-name = Wie nennen Sie es?
devices-hint = Damit Sie es wiedererkennen, etwa: Büro-Laptop.
devices-button = Adresse anlegen

setup-title = { $device } einrichten
setup-lead = Geben Sie dem Gerät diese Adresse als Adresse der automatischen Proxy-Konfiguration (PAC), von Hand oder mit einer der Dateien unten:
setup-secret = Diese Adresse wird nur eine Stunde lang gezeigt, und sie ist geheim: Wer sie benutzt, gilt als Sie. Geht sie verloren, legen Sie auf der Seite Ihrer Geräte eine neue an.
setup-files = Dateien zum Einrichten
setup-download = Herunterladen
setup-download-certificate = Mit dem Zertifikat herunterladen
setup-trust = Das Gerät muss dem Zertifikat des Proxys vertrauen. Wenn es keine Verbindung bekommt, fehlt das Zertifikat:
setup-back = Zu Ihren Geräten
setup-windows = Windows
    .steps =
        Laden Sie die Datei herunter, öffnen Sie sie und bestätigen Sie, dass sie die Einstellungen ändern darf.
        Schließen Sie den Browser und öffnen Sie ihn wieder. Edge, Chrome und die meisten Programme nehmen die Adresse von dort.
        Um es rückgängig zu machen, öffnen Sie „Proxyeinstellungen“ und schalten Sie „Setupskript verwenden“ aus.
setup-apple = macOS, iPhone und iPad
    .steps =
        Laden Sie auf einem Mac das Profil herunter, öffnen Sie es und installieren Sie es in den Systemeinstellungen unter „Profile“.
        Ein iPhone oder iPad nimmt einen Proxy für alle Netze nur an, wenn Ihre Organisation es verwaltet. Öffnen Sie sonst in den Einstellungen „WLAN“, das Netz, „Proxy konfigurieren“, „Automatisch“, und geben Sie die Adresse ein.
        Schalten Sie das Zertifikat, wenn es dabei ist, auch unter „Allgemein“, „Info“, „Zertifikatsvertrauenseinstellungen“ ein.
setup-linux = Linux: GNOME und KDE
    .steps =
        Laden Sie das Skript herunter und führen Sie es in Ihrer eigenen Sitzung aus:
        $ sh vestibule-proxy.sh
        Um es rückgängig zu machen, wählen Sie in den Netzwerkeinstellungen „Aus“ oder „Kein Proxy“.
setup-terminal = Terminal: curl, git und andere
    .steps =
        Laden Sie die Datei herunter und lesen Sie sie in Ihre Shell ein; Programme, die mit einem Proxy TLS sprechen können, benutzen ihn dann:
        $ . ./vestibule-proxy.env
        Um es rückgängig zu machen, schließen Sie die Shell.
setup-firefox = Firefox
    .steps =
        Laden Sie policies.json herunter und legen Sie die Datei in den Ordner „distribution“ neben dem Programm, unter Linux in /etc/firefox/policies.
        Legen Sie mit dem Zertifikat unter Linux authority.pem (oder authority-1.pem und authority-2.pem) in ~/.mozilla/certificates; unter Windows und macOS nimmt Firefox es vom System.
        Oder tragen Sie die Adresse in den Einstellungen unter „Verbindungs-Einstellungen“, „Automatische Proxy-Konfigurations-Adresse“ ein.
setup-chromium = Chromium, Chrome und Edge unter Linux
    .steps =
        Laden Sie die Richtlinie herunter und legen Sie sie in den Ordner Ihres Browsers:
        $ sudo install -Dm644 vestibule-proxy.json /etc/chromium/policies/managed/vestibule-proxy.json
        Für Chrome ist der Ordner /etc/opt/chrome/policies/managed, für Edge /etc/opt/edge/policies/managed.

## Die eigene Adresse des Proxys

home-title = Das ist ein Proxy
home-lead = Browser gehen durch ihn ins Internet. Unter dieser Adresse gibt es sonst nichts zu sehen.
home-pac = Automatische Proxy-Konfiguration
home-pac-lead = Tragen Sie diese Adresse als Adresse der automatischen Konfiguration (PAC) im Gerät oder Browser ein:
home-portal = Portal öffnen

## Reiner Text für Programme

tool-sign-in = Anmeldung nötig
    .what = Auf diesem Gerät ist niemand angemeldet, und diese Anfrage kann nicht zur Anmeldung geschickt werden.
    .next = Öffnen Sie das Portal in einem Browser auf diesem Gerät, melden Sie sich an und versuchen Sie es noch einmal.
tool-sign-in-again = Eine frische Anmeldung ist nötig
    .what = Sie haben sich vor zu langer Zeit für dieses Ziel angemeldet, und diese Anfrage kann nicht zur Anmeldung geschickt werden.
    .next = Öffnen Sie die Adresse unten in einem Browser, in dem Sie angemeldet sind, und zeigen Sie, wer Sie sind. Versuchen Sie es dann noch einmal.
tool-too-weak = Ein sichererer Nachweis, wer Sie sind, ist nötig
    .what = Sie sind bekannt, aber durch etwas, das für dieses Ziel zu schwach ist, und keine Anmeldung auf dieser Verbindung ändert das.
    .next = Benutzen Sie ein Gerät mit einem Zertifikat Ihrer Organisation über den sicheren Proxy. Ihr Helpdesk weiß mehr.
tool-token-wanted = Ein Token ist nötig
    .what = Sie sind bekannt, aber durch etwas, das für dieses Ziel zu schwach ist. Ein persönliches Token ist stark genug.
    .next = Erstellen Sie unter der Adresse unten ein Token und benutzen Sie es als Passwort des Proxys. Versuchen Sie es dann noch einmal.
tool-denied = Durch eine Regel gesperrt
    .what = Die Regeln erlauben dieses Ziel nicht.
    .next = Wenn Sie es für Ihre Arbeit brauchen, fragen Sie Ihren Helpdesk und nennen Sie ihm die Anfrage-Nummer.
tool-warned = Zuerst muss eine Warnung gelesen werden
    .what = Eine Regel warnt vor diesem Ziel, und diese Anfrage kann die Warnung nicht zeigen.
    .next = Öffnen Sie die Adresse unten in einem Browser, in dem Sie angemeldet sind, lesen Sie dort die Warnung und fahren Sie fort. Versuchen Sie es dann erneut.
tool-overridable = Durch eine Regel gesperrt
    .what = Die Regeln erlauben dieses Ziel nicht, außer jemand hebt die Sperre auf.
    .next = Wenn Sie es öffnen dürfen, öffnen Sie die Adresse unten in einem Browser, in dem Sie angemeldet sind. Versuchen Sie es dann erneut.
tool-place = Ziel:
tool-portal = Portal:

## Was eine Regel vor eine Seite stellt

warning-title = Bevor Sie fortfahren
warning-lead-place = Bitte lesen Sie dies, bevor Sie diese Seite öffnen:
warning-lead = Bitte lesen Sie zuerst dies.
warning-plain = Ihre Organisation bittet Sie, vor dem Öffnen dieser Seite noch einmal nachzudenken.
warning-rule = Regel
warning-go-on = Gelesen: fortfahren
warning-remember = Sie werden { $time } lang nicht erneut gefragt.
warning-leave = Wenn Sie nicht fortfahren möchten, schließen Sie diese Seite.
span-minutes = { $minutes ->
    [one] { $minutes } Minute
   *[other] { $minutes } Minuten
  }
span-hours = { $hours ->
    [one] { $hours } Stunde
   *[other] { $hours } Stunden
  }
override-lead = Eine Regel sperrt, was Sie öffnen wollten.
override-title = Für eine Weile öffnen
override-password-lead = Wer das Passwort kennt, kann die Seite { $time } lang öffnen.
override-member-lead = Sie dürfen die Seite { $time } lang öffnen.
override-password = Passwort
override-reason = Wofür brauchen Sie die Seite?
override-reason-hint = Ihre Administratoren lesen das.
override-open = Öffnen
override-recorded = Ihr Name, die Seite und die Zeit werden aufgezeichnet.
override-wrong = Das ist nicht das Passwort.
override-no-reason = Geben Sie an, wofür Sie die Seite brauchen.
override-too-many = Es gab zu viele Versuche. Warten Sie zehn Minuten und versuchen Sie es dann erneut.
weak-title = Diese Website braucht eine sicherere Anmeldung
weak-lead = ist nur offen, wo feststeht, wer Sie sind.
weak-rule = Verlangt von
weak-why = Sie sind angemeldet, aber auf dieser Verbindung könnte sich jemand anders als Sie ausgeben. Eine neue Anmeldung ändert daran nichts.
weak-secure = Diese Website öffnet sich auf Geräten, die ein Zertifikat Ihrer Organisation haben und den sicheren Proxy benutzen.

## Um eine Prüfung bitten

review-title = Diese Seite anfragen
review-lead = Wer die Regeln pflegt, wird benachrichtigt.
review-site = Seite
review-why = Wofür brauchen Sie sie?
review-why-hint = Sie können das leer lassen.
review-told = Ihre Anfrage wurde gesendet
review-told-lead = Wer die Regeln pflegt, weiß jetzt, dass Sie { $site } brauchen.
review-told-next = Noch hat sich nichts geändert. Sie können diese Seite schließen.
review-not-told = Ihre Anfrage konnte nicht gesendet werden
review-not-told-lead = Der Dienst, der solche Anfragen annimmt, antwortet nicht.
review-not-told-next = Versuchen Sie es später erneut, oder nennen Sie Ihrem Helpdesk die Regel und die Anfrage-Nummer.

## Test SSO, für Betreiber

test-title = Test SSO: { $realm }
test-lead = Das ist eine Anmeldung, die nichts verändert: Niemand wird angemeldet, und Sie sehen alles, was gesendet und geprüft wurde.
test-waits = Dieser Realm bleibt ausgeschaltet, bis ein Test bestanden ist.
test-entity = Unsere Entity-ID
test-acs = Antwort-URL (ACS)
test-issuer = Identitätsanbieter
test-begin = Test beginnen
test-again = Noch einmal testen
test-errors = Wenn der Identitätsanbieter einen Fehler zeigt
test-errors-lead = Manche Fehler von Microsoft Entra ID bleiben auf dessen eigener Seite und kommen nie hierher zurück. Was zu ändern ist:
test-good = Der Test ist bestanden
test-good-lead = Mit diesen Einstellungen können sich Leute von { $realm } anmelden. Durch diesen Test wurde niemand angemeldet.
test-bad = Der Test ist nicht bestanden
test-bad-lead = Mit diesen Einstellungen könnte sich niemand von { $realm } anmelden. Was zu ändern ist, steht bei jeder Prüfung, die fehlgeschlagen ist.
test-switched-on = Der Realm hat auf diesen Test gewartet. Er ist jetzt eingeschaltet.
test-checks = Prüfungen
test-passed = bestanden
test-failed = fehlgeschlagen
test-not-reached = nicht erreicht
test-found = gefunden
test-certificates = Zertifikate
test-certificate-message = in der Nachricht
test-certificate-trusted = hier eingestellt
test-claims = Ansprüche (Claims)
test-claim = Anspruch
test-value = Wert
test-becomes = Wird zu
test-unused = ausgelassen
test-messages = Nachrichten
test-request = Was gefragt wurde (AuthnRequest)
test-response = Was geantwortet wurde (Response)
test-assertion = Was verschlüsselt war (Assertion)
test-masked = Signaturen, Prüfsummen und Zertifikate sind weggelassen, damit sich mit dem, was Sie von dieser Seite kopieren, niemand anmelden kann.

check-age = Sie kam rechtzeitig und an einer Adresse dieses Realms an
    .wanted = erwartet
    .cure = Beginnen Sie den Test noch einmal. Wenn er wieder fehlschlägt, steht die Antwort-URL des Identitätsanbieters in diesem Realm weder unter acs noch unter acs_aliases.
check-shape = Sie ist eine SAML-Response in der üblichen Form
    .wanted = erwartet
    .cure = Die Nachricht ist nicht das, was ein Identitätsanbieter sendet, oder enthält Teile, die dieses Portal ablehnt. Verändert etwas sie unterwegs? Wenn sie für einen Schlüssel verschlüsselt ist, der hier nicht eingestellt ist, entfernen Sie das Zertifikat unter Tokenverschlüsselung.
    .algorithm = Sie ist mit einem zu schwachen Algorithmus wie SHA-1 signiert oder verschlüsselt. In Entra: Einmaliges Anmelden, SAML-Zertifikate, Bearbeiten, Signaturalgorithmus: SHA-256. Anderswo: Wählen Sie SHA-256 für die Signatur und für den Digest.
check-version = SAML 2.0
    .wanted = erwartet
    .cure = Stellen Sie den Identitätsanbieter auf SAML 2.0.
check-destination = Sie wurde an diese Adresse gesendet (Destination)
    .wanted = erwartet
    .cure = Tragen Sie beim Identitätsanbieter als Antwort-URL die Adresse ein, die hier erwartet wird, Buchstabe für Buchstabe. In Entra: Einmaliges Anmelden, Grundlegende SAML-Konfiguration.
check-issuer = Sie kommt vom eingestellten Identitätsanbieter (Issuer)
    .wanted = erwartet
    .cure = Die Metadaten oder der issuer dieses Realms gehören zu einem anderen Identitätsanbieter oder Mandanten. Kopieren Sie den Microsoft Entra-Bezeichner mit dem Schrägstrich am Ende, oder laden Sie die Metadaten dieser Anwendung neu herunter.
check-request = Sie antwortet auf unsere Anfrage (InResponseTo)
    .wanted = erwartet
    .cure = Die Response gehört zu einer anderen Anfrage oder zu keiner. Beginnen Sie den Test mit der Schaltfläche, nicht mit einer Kachel beim Identitätsanbieter.
check-issued = Sie wurde eben erst gemacht (IssueInstant)
    .wanted = Zeit hier
    .cure = Ihre Zeit liegt in der Zukunft oder vor unserer Anfrage. Die Uhren gehen um mehr als eine Minute auseinander: Stellen Sie die Uhr dieser Maschine und die des Identitätsanbieters mit NTP.
check-status = Der Identitätsanbieter sagt, dass es gut gegangen ist (Status)
    .wanted = erwartet
    .cure = Der Identitätsanbieter nennt oben seinen Grund.
check-signature = Beide Prüfer finden sie von einem eingestellten Zertifikat signiert
    .wanted = erwartet
    .cure = Weder die Response noch die Assertion ist signiert, oder die Signatur gilt nicht. In Entra ist jede Signaturoption recht, mit dem Signaturalgorithmus SHA-256.
    .algorithm = Sie ist mit einem zu schwachen Algorithmus wie SHA-1 signiert oder verschlüsselt. In Entra: Einmaliges Anmelden, SAML-Zertifikate, Bearbeiten, Signaturalgorithmus: SHA-256. Anderswo: Wählen Sie SHA-256 für die Signatur und für den Digest.
    .foreign = Sie wurde mit einem Zertifikat signiert, das hier nicht eingestellt ist: Vergleichen Sie die Fingerabdrücke unten. In Entra hat das aktive Zertifikat unter SAML-Zertifikate einen anderen Fingerabdruck als Ihres: Laden Sie Verbundmetadaten-XML oder Zertifikat (Base64) neu herunter und tragen Sie es unter metadata oder certificate dieses Realms ein.
check-assertion = Die Assertion ist vollständig
    .wanted = erwartet
    .cure = Der Assertion fehlt ein Teil, den das Profil Web Browser SSO verlangt, etwa Conditions, eine Bearer-Bestätigung oder ein AuthnStatement.
check-assertion-issuer = Die Assertion kommt vom eingestellten Identitätsanbieter
    .wanted = erwartet
    .cure = Die Metadaten oder der issuer dieses Realms gehören zu einem anderen Identitätsanbieter oder Mandanten.
check-assertion-issued = Die Assertion wurde eben erst gemacht (IssueInstant)
    .wanted = Zeit hier
    .cure = Ihre Zeit liegt in der Zukunft oder vor unserer Anfrage. Die Uhren gehen um mehr als eine Minute auseinander: Stellen Sie die Uhr dieser Maschine und die des Identitätsanbieters mit NTP.
check-validity = Sie gilt jetzt (Conditions)
    .wanted = Zeit hier
    .cure = Die Assertion gilt noch nicht oder nicht mehr. Stellen Sie die Uhr dieser Maschine mit NTP.
check-audience = Sie ist für uns bestimmt (Audience)
    .wanted = erwartet
    .cure = Tragen Sie beim Identitätsanbieter als Bezeichner (Entitäts-ID) ein, was hier erwartet wird, Buchstabe für Buchstabe, oder ändern Sie entity_id dieses Realms.
check-authentication = Die Person hat sich ausgewiesen, und das gilt noch
    .wanted = Zeit hier
    .cure = Die Uhren gehen auseinander, oder die Sitzung beim Identitätsanbieter ist vorbei. Melden Sie sich dort ab und testen Sie noch einmal.
check-context = Die Person hat sich auf eine verlangte Weise angemeldet (AuthnContext)
    .wanted = erwartet eines von
    .cure = Lassen Sie den Identitätsanbieter eine der verlangten Weisen verlangen, nehmen Sie die gefundene in authn_context dieses Realms auf, oder entfernen Sie authn_context: Dann ist jede recht.
check-anew = Die Person wurde neu gefragt (ForceAuthn)
    .wanted = gefragt um
    .cure = Der Identitätsanbieter hat mit einer Anmeldung von vor der Anfrage geantwortet. Lassen Sie ihn ForceAuthn beachten, oder entfernen Sie force_authn aus diesem Realm. Wenn er gefragt hat, gehen die Uhren um mehr als eine Minute auseinander.
check-confirmation = Sie darf hier und jetzt vorgelegt werden (Recipient)
    .wanted = erwartet
    .cure = Tragen Sie beim Identitätsanbieter als Antwort-URL die Adresse ein, die hier erwartet wird, Buchstabe für Buchstabe. Wenn das schon so ist, gehen die Uhren auseinander.
check-identity = Die Ansprüche benennen jemanden
    .wanted = einer erwartet von
    .cure = Keiner der identity_claims dieses Realms ist da, oder einer ist leer, doppelt oder von einem anderen Mandanten. In Entra: Attribute & Ansprüche, Neuen Anspruch hinzufügen, mit leerem Namespace. Oder nennen Sie einen der gefundenen Ansprüche in identity_claims. Wen nur die NameID benennt, den benennt identity_claims = ["NameID"].
check-domain = Der Realm spricht für die Domäne dieses Namens
    .wanted = erwartet eines von
    .cure = Der Name gehört zu einer Domäne, die nicht zu diesem Realm gehört. Wenn sie eine eigene ist, nehmen Sie sie in domains dieses Realms auf. Wenn sie die eines Gastes ist, nehmen Sie sie in foreign_names auf, oder senden Sie einen Anspruch mit dem Namen, den Gäste im Mandanten haben.

field-name = Name in Aufzeichnungen und Regeln
field-id = unveränderliche Kennung
field-display-name = Name zum Lesen
field-sam-account-name = sAMAccountName
field-upn = UPN
field-email = E-Mail-Adresse
field-groups = Gruppen
field-too-many-groups = Gruppen unbekannt (mehr als 150)
field-tenant = verlangter Mandant

entra-50011 = Die Antwort-URL ist nicht registriert. Entra: Unternehmensanwendungen, Ihre Anwendung, Einmaliges Anmelden, Grundlegende SAML-Konfiguration, Antwort-URL: { $acs } hinzufügen.
entra-50058 = Entra sollte jemanden anmelden, ohne eine Seite zu zeigen, und niemand war angemeldet. Beginnen Sie noch einmal; wenn es wieder geschieht, blockiert der Browser Cookies von login.microsoftonline.com.
entra-50105 = Die Person ist der Anwendung nicht zugewiesen. Entra: Unternehmensanwendungen, Ihre Anwendung, Benutzer und Gruppen, Benutzer/Gruppe hinzufügen. Oder Eigenschaften, Zuweisung erforderlich?, Nein.
entra-700016 = In diesem Mandanten gibt es keine Anwendung mit unserer Entity-ID. Entra: Einmaliges Anmelden, Grundlegende SAML-Konfiguration, Bezeichner (Entitäts-ID): { $entity } – oder setzen Sie entity_id dieses Realms auf das, was dort steht. Stimmt der Bezeichner, dann gehört login_url zu einem anderen Mandanten.
entra-75011 = Die Art der Anmeldung ist nicht die, die wir verlangt haben. Entfernen Sie authn_context aus diesem Realm: Wer Windows Hello, ein Zertifikat oder einen Schlüssel benutzt, könnte sich damit nicht anmelden.
entra-900236 = Entra nimmt in einer Anfrage kein Subject an. Wir senden keines: Etwas zwischen diesem Portal und Entra hat die Anfrage verändert, oder ein anderes Produkt hat sie gesendet.
entra-7500529 = Die ID der Anfrage beginnt mit einer Ziffer. Unsere nie: Etwas zwischen diesem Portal und Entra hat die Anfrage verändert, oder ein anderes Produkt hat sie gesendet.

## Werkzeuge und Terminals

tokens-count = { $count ->
    [one] { $count } Werkzeug oder Terminal angemeldet
   *[other] { $count } Werkzeuge und Terminals angemeldet
  }
tokens-title = Werkzeuge und Terminals
tokens-lead = Programme wie git, curl oder pip können keine Anmeldeseite zeigen. Hier lassen Sie sie in Ihrem Namen durch den Proxy.
tokens-list = Angemeldet
tokens-account = Alles hier zählt als
tokens-none = Kein Werkzeug und kein Terminal ist angemeldet.
tokens-terminal = Terminal
tokens-made = Erstellt
tokens-expires = Läuft ab
tokens-last-use = Zuletzt benutzt
tokens-never = nie
tokens-networks = Von
tokens-destinations = Für
tokens-revoke = Widerrufen …
tokens-revoke-lead = Was es benutzt, wird sofort getrennt. Das lässt sich nicht rückgängig machen.
tokens-revoke-now = { $name } widerrufen
tokens-sign-in-terminal = Ein Terminal anmelden
tokens-sign-in-terminal-lead = Für das Fenster, in dem Sie Befehle eingeben. Führen Sie dort diese Zeile aus und stimmen Sie dann hier zu. Es muss nichts zurückkopiert werden, und in keiner Datei bleibt etwas zurück.
tokens-new = Ein Token erstellen
tokens-new-lead = Für Skripte und Server, die ohne Sie laufen. Ein Token ist ein langes Kennwort für ein einziges Programm.
tokens-what = Was ist ein Token?
tokens-what-text =
    Ein Programm zeigt dem Proxy sein Token, wo sonst eine Anmeldeseite käme, und wird in Ihrem Namen durchgelassen. Zu anderem taugt es nicht: Niemand kann damit Ihr Konto oder Ihre E-Mails öffnen.
    Wer es hat, handelt in Ihrem Namen. Erstellen Sie deshalb für jeden Zweck ein eigenes, schränken Sie es ein und verwahren Sie es wie ein Kennwort. Es läuft von selbst ab, und Sie können es hier jederzeit widerrufen.
tokens-note-revoked = Es ist widerrufen, und was es benutzt hat, ist getrennt.
tokens-note-no-terminal = Mit diesem Code fragt kein Terminal. Er gilt zehn Minuten und einmal: Lassen Sie sich im Terminal einen neuen geben.
tokens-note-shown = Ein Token wird einmal gezeigt. Wenn Sie es nicht kopiert haben, widerrufen Sie es und erstellen Sie ein neues.

token-name = Name
token-name-hint = Wofür es ist, zum Beispiel Build-Server
token-lifetime = Gültig für
token-days = { $days ->
    [one] { $days } Tag
   *[other] { $days } Tage
  }
token-limits = Einschränken, wo und wofür es gilt
token-networks = Wo es benutzt werden darf
token-networks-hint = Leer für überall; sonst Netze, Adressen und Bereiche, durch Kommas getrennt. Sie sind unter { $client } im Netz { $network }.
token-destinations = Wofür es benutzt werden darf
token-destinations-hint = Leer für alles; sonst Ziele wie pypi.org, mit allen Rechnern darunter
token-make = Token erstellen
token-mistake-name = Geben Sie ihm einen Namen, an dem Sie es erkennen.
token-mistake-network = { $entry } ist weder eine Adresse oder ein Bereich noch der Name eines Netzes hier.
token-mistake-destination = { $entry } ist kein Ziel: Schreiben Sie nur den Rechnernamen, zum Beispiel pypi.org.
token-mistake-many = Es sind mehr als zwanzig Einträge.
token-mistake-full = { $most ->
    [one] Sie haben schon { $most } Token, und mehr hat niemand: Widerrufen Sie es zuerst.
   *[other] Sie haben schon { $most } Tokens, und mehr hat niemand: Widerrufen Sie zuerst eines.
  }

new-token-title = Ihr neues Token
new-token-lead = Kopieren Sie es jetzt: Es wird einmal gezeigt, und niemand kann es noch einmal zeigen.
new-token-lines = Zum Kopieren
new-token-lines-lead = Wer die Datei oder die Umgebung lesen kann, in der es steht, kann es benutzen.
new-token-done = Fertig
token-for-shell = Linux, macOS: alles in einer Shell
    .where = In ~/.profile oder in der Shell selbst
token-for-curl = curl
    .where = Auf der Befehlszeile; die Zeile für die Shell wirkt auch
token-for-wget = wget
    .where = Auf der Befehlszeile, oder https_proxy in ~/.wgetrc
token-for-git = git
    .where = Über https
token-for-pip = pip
    .where = Für Ihr Konto
token-for-npm = npm
    .where = Für Ihr Konto
token-for-apt = apt
    .where = In einer Datei wie /etc/apt/apt.conf.d/80proxy, die nur root lesen darf (chmod 600)
token-for-docker = docker
    .where = In ~/.docker/config.json, für Container; dockerd selbst liest HTTPS_PROXY aus seiner Unit
token-for-powershell = PowerShell
    .where = In der Sitzung oder in $PROFILE
token-for-other = Alles andere
    .where = Rechner, Port, Name und Kennwort des Proxys

terminal-title = Ist das Ihr Terminal?
terminal-lead = Ein Terminal möchte in Ihrem Namen angemeldet werden. Es muss diesen Code zeigen:
terminal-elsewhere = Dieses Terminal hat eine andere Adresse als dieser Browser. Stimmen Sie nur zu, wenn Sie wissen, warum.
terminal-address = Adresse
terminal-tool = Werkzeug
terminal-asked = Gefragt
terminal-means = Wenn Sie zustimmen, benutzt, wer an diesem Terminal sitzt, das Internet als { $account }, bis { $moment } oder bis Sie sich hier abmelden.
terminal-warning = Stimmen Sie nur dem zu, was Sie gerade selbst begonnen haben. Hat Ihnen jemand diese Adresse geschickt, lehnen Sie ab.
terminal-approve = Zustimmen
terminal-refuse = Ablehnen
terminal-decided-good = Ihr Terminal ist freigegeben
terminal-decided-approved = Zugestimmt. Ihr Terminal macht gleich weiter; diese Seite können Sie schließen.
terminal-decided-bad = Das Terminal ist abgelehnt
terminal-decided-refused = Abgelehnt. Das Terminal hat es erfahren; diese Seite können Sie schließen.
terminal-decided-list = Alle Werkzeuge und Terminals

terminal-open = Öffnen Sie diese Adresse in einem Browser, in dem Sie angemeldet sind, oder melden Sie sich dort an:
terminal-compare = Dort muss der Code { $code } stehen. Stimmen Sie zu.
terminal-plain = Das ist kein Skript. Ohne TLS könnte jeder auf dem Weg schreiben, was Ihre Shell ausführt, und das Token lesen. Fragen Sie das Portal, über den Proxy:
terminal-authority = Die Datei { $file } ist das Zertifikat der Zertifizierungsstelle dieses Proxys: Laden Sie sie im Browser unter { $place } herunter, oder fragen Sie Ihren Helpdesk. Nehmen Sie nicht -k statt dessen: Dann wäre nichts bewiesen.
terminal-waiting = Es wird gewartet (Strg-C bricht ab) …
terminal-approved = Angemeldet als { $account } bis { $moment }.
terminal-refused = Das Terminal wurde abgelehnt.
terminal-unknown = Der Code gilt nicht mehr oder wurde unter einer anderen Adresse erstellt. Beginnen Sie noch einmal.
terminal-away = Zurzeit kann sich niemand anmelden: Der Speicher der Sitzungen antwortet nicht. Versuchen Sie es später noch einmal.

tool-unknown = Der Proxy muss wissen, wer fragt, und dieses Werkzeug hat kein Token.
tool-terminal = Um dieses Terminal anzumelden, öffnen Sie diese Adresse in einem Browser:
tool-terminal-code = Vergleichen Sie dort den Code { $code } und stimmen Sie zu. Führen Sie dann hier aus:
tool-token = Für Skripte erstellen Sie ein Token und benutzen es als Kennwort des Proxys:
tool-token-unknown = Das Token oder Kennwort für den Proxy ist nicht gültig.
tool-token-expired = Das Token ist abgelaufen.
tool-token-revoked = Das Token wurde widerrufen.
tool-token-person = Das Token gehört jemand anderem als der Name davor. Benutzen Sie den Namen „token“.
tool-token-network = Das Token gilt nicht für das Netz, in dem dieser Rechner ist.
tool-token-destination = Das Token gilt nicht für dieses Ziel.
tool-token-too-many = Von dieser Adresse kamen zu viele falsche Tokens. Warten Sie eine Minute.
tool-token-away = Tokens können zurzeit nicht nachgeschlagen werden. Versuchen Sie es später noch einmal.

## Zustimmung des Administrators eines Mandanten

consent-granted = Die Zustimmung wurde erteilt
consent-granted-lead = Die Anwendung des Verzeichnisses { $directory } darf jetzt, was sie braucht.
consent-granted-next = Das Verzeichnis wird jetzt gelesen. Sie können diese Seite schließen.
consent-refused = Die Zustimmung wurde nicht erteilt
consent-refused-lead = Die Anwendung des Verzeichnisses { $directory } hat nicht bekommen, was sie braucht:
consent-refused-next = Lassen Sie sich einen neuen Link geben, und öffnen Sie ihn als Administrator, der zustimmen darf.
consent-stale = Dieser Link gilt nicht mehr
consent-stale-lead = Die Antwort kam zu spät, oder niemand hat nach ihr gefragt. Hier hat sich nichts geändert.
